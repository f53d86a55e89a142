package import ArgumentParser
import CMS
import Ferry
import LaneDatabase
import PortalBase

/// What only an operator does to a lane, at the side whose lane it is.
package struct LaneCommand<Owner: LaneOwner>: ParsableCommand {
    package static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "lane", abstract: "Begins lanes, answers gaps and alarms.",
            subcommands: [
                AdoptEpoch<Owner>.self, PrintSlip<Owner>.self, OfferAgain<Owner>.self, ReviveItems<Owner>.self,
                ClearAlarm<Owner>.self, HeldItems<Owner>.self, DropItem<Owner>.self,
            ])
    }

    package init() {}
}

package struct OwnerOption: ParsableArguments {
    @Option(name: .customLong("config"), help: "Configuration file (YAML).")
    package var path: String

    package init() {}
}

package struct AdoptEpoch<Owner: LaneOwner>: ParsableCommand {
    package static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "adopt", abstract: "Begins a lane, or begins it anew, by an operator's signed record.",
            discussion: "Both sides adopt the same record. `ferry epoch` makes one.")
    }
    @OptionGroup var owner: OwnerOption
    @Argument(help: "Records (.ep), each with its signature (.p7s) beside it.") var files: [String]

    package init() {}

    package func run() throws {
        let owned = try Owner.openLanes(owner.path)
        for file in files {
            guard file.hasSuffix(".ep") else { throw ValidationError("\(file): name the record's .ep file") }
            let (record, signer) = try EpochRecord.verified(
                FileSystem.read(file, limit: 4_096),
                signature: FileSystem.read(String(file.dropLast(3)) + ".p7s", limit: 1 << 20),
                trust: owned.settings.trust(), operators: owned.settings.operatorKeys(), at: owned.now())
            guard [owned.sends.lane, owned.receives.lane].contains(record.lane) else {
                throw ValidationError("\(file): this side has no lane \(record.lane)")
            }
            let queued = try owned.lanes.adopt(record, signer: signer.commonName, at: owned.now())
            print("\(record.lane) epoch \(record.epoch)\(queued > 0 ? "; \(queued) items are queued again" : "")")
        }
    }
}

package struct PrintSlip<Owner: LaneOwner>: ParsableCommand {
    package static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "slip", abstract: "Prints what has not come, for a person to carry to the other side.",
            discussion: "For a lane through a diode, on which no acknowledgement goes back.")
    }
    @OptionGroup var owner: OwnerOption
    @Option(help: "Also writes the slip to this file, with a detached signature beside it (.p7s).") var out: String?

    package init() {}

    package func run() throws {
        let owned = try Owner.openLanes(owner.path)
        guard let (id, _) = try owned.lanes.epoch(of: owned.receives.lane) else {
            throw LaneError.noEpoch(owned.receives.lane)
        }
        let slip = GapSlip(id, try owned.lanes.receipts(id, at: owned.now()))
        let text = slip?.text ?? "\(id.name) \(id.epoch.prefix(8)): nothing is missing"
        print(text)
        guard let out else { return }
        let bytes = Array((text + "\n").utf8)
        try FileSystem.replaceDurably(out, with: bytes)
        try FileSystem.replaceDurably(out + ".p7s", with: owned.station().sign(bytes))
    }
}

package struct OfferAgain<Owner: LaneOwner>: ParsableCommand {
    package static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "offer", abstract: "Offers again what a gap slip names.")
    }
    @OptionGroup var owner: OwnerOption
    @Argument(help: "The slip, as it is printed.") var slip: [String]

    package init() {}

    package func run() throws {
        let owned = try Owner.openLanes(owner.path)
        guard let read = GapSlip(typed: slip.joined(separator: " ")) else {
            throw ValidationError(GapSlipError.misread.description)
        }
        guard read.lane == owned.sends.lane else { throw ValidationError("this side does not send on \(read.lane)") }
        let gone = try owned.lanes.offerAgain(read, at: owned.now())
        print("offered with the next crossing")
        if !gone.isEmpty {
            print("no longer here: \(gone.map(String.init).joined(separator: " "))")
            throw ExitCode(1)
        }
    }
}

package struct ReviveItems<Owner: LaneOwner>: ParsableCommand {
    package static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "revive",
            abstract: "Sends items again that the other side refused, after the reason was mended.")
    }
    @OptionGroup var owner: OwnerOption
    @Argument(help: "Ids; all refused ones when none is given.") var items: [String] = []

    package init() {}

    package func run() throws {
        let owned = try Owner.openLanes(owner.path)
        print("\(try owned.lanes.revive(lane: owned.sends.lane, items: items, at: owned.now())) items are queued again")
    }
}

package struct ClearAlarm<Owner: LaneOwner>: ParsableCommand {
    package static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "clear",
            abstract: "Ends an alarm that somebody has looked into; a lane that it stopped goes on.")
    }
    @OptionGroup var owner: OwnerOption
    @Argument(help: "Lane.") var lane: String
    @Argument(help: "The alarm's code, as `ferry status` shows it.") var code: LaneAlarm

    package init() {}

    package func run() throws {
        let owned = try Owner.openLanes(owner.path)
        guard try owned.lanes.clear(code, lane: lane, at: owned.now()) > 0 else {
            throw ValidationError("no alarm \(code.rawValue) stands on \(lane)")
        }
        print("cleared")
    }
}

package struct HeldItems<Owner: LaneOwner>: ParsableCommand {
    package static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "held", abstract: "Lists items that came and cannot be taken, and tries to take them.",
            discussion:
                "An item is held where this side lacks its key or its form. Mend that, and run this or wait for the next import."
        )
    }
    @OptionGroup var owner: OwnerOption

    package init() {}

    package func run() throws {
        let owned = try Owner.openLanes(owner.path)
        _ = try owned.lanes.retryHeld(lane: owned.receives.lane, at: owned.now())
        let held = try owned.lanes.held(lane: owned.receives.lane)
        for item in held {
            print("\(item.item) \(item.kind) since \(item.since.rfc3339(in: .shanghai)): \(item.reason)")
        }
        if held.isEmpty { print("nothing is held") }
    }
}

package struct DropItem<Owner: LaneOwner>: ParsableCommand {
    package static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "drop", abstract: "Gives up a held item for good; the audit log keeps the reason.")
    }
    @OptionGroup var owner: OwnerOption
    @Argument(help: "The item's id, as `lane held` shows it.") var item: String
    @Option(help: "Why.") var because: String

    package init() {}

    package func run() throws {
        let owned = try Owner.openLanes(owner.path)
        guard try owned.lanes.drop(item, lane: owned.receives.lane, because: because, at: owned.now()) else {
            throw ValidationError("\(item) is not held; `lane held` lists what is")
        }
        print("dropped \(item)")
    }
}

extension LaneAlarm: ExpressibleByArgument {}
