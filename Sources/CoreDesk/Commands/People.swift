import ArgumentParser
import Authority
import CMS
import Cases
import Forms
import PortalBase
import PositionedYAML
import Procedures
import Workflow

/// People, their posts and certificates, from a terminal: the same actions as on the desk's pages, by somebody who shows a key.
struct People: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "People, their posts and certificates: what gives rights is proposed by one administrator and confirmed by another.",
        subcommands: [List.self, Add.self, Appoint.self, Trust.self, Confirm.self, Refuse.self, End.self])

    /// A post as it is written: `role@unit`.
    static func post(_ text: String) -> (role: String, unit: String)? {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false).map(String.init)
        return parts.count == 2 ? (parts[0], parts[1]) : nil
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Lists people, posts and certificates that have not ended, with the names by which `confirm` and `end` know them."
        )
        @OptionGroup var configurationOption: ConfigurationOption
        @Flag(help: "Those that have ended too, with the days on which each began and changed.") var all = false

        func run() throws {
            let desk = try Desk(configurationOption.load(), random: systemRandomBytes)
            let now = desk.configuration.now()
            let roster = try desk.cases.roster(includesFinal: all, at: now)
            let here = Set(roster.filter { $0.process.subject == .person }.compactMap { Self.said(.id, in: $0) })
            for view in roster {
                let said = view.process.begin.ask.compactMap { input in
                    view.file.answers[input.id].map { $0.string ?? $0.integer.map { String($0) } ?? "" }
                }
                let state = view.process.state(view.file.state)?.label.text("en") ?? view.file.state
                let isOver = view.file.post.map { !$0.isHeld(at: now) } ?? false
                let hasLeft = Self.said(.person, in: view).map { !here.contains($0) } ?? false
                let days =
                    all
                    ? "  "
                        + view.events.map { "\($0.action) \($0.at.date(in: .shanghai).text)" }.joined(separator: ", ")
                    : ""
                print(
                    "\(view.subject.id)  \(said.joined(separator: "  "))  \(hasLeft ? "of somebody who has left" : isOver ? "past its last day" : state)\(days)"
                )
            }
        }

        /// What was said of a kind when the subject began.
        private static func said(_ kind: Procedures.Process.Input.Kind, in view: CaseStore.View) -> String? {
            view.process.begin.input(kind).flatMap { view.file.answers[$0.id]?.string }
        }
    }

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Records a person.")
        @OptionGroup var administrator: Administrator
        @Argument(help: "Number of the person: letters, digits, hyphens.") var number: String
        @Argument(help: "Name.") var name: String

        func run() throws {
            let acting = try administrator.acting()
            let stored: String
            do {
                stored = try ActionForm.stored(name, "name", isLine: true)
            } catch {
                throw ValidationError("the name holds a character that cannot be used, or is too long")
            }
            try acting.begin(.person, [.id: .text(number), .text: .text(stored)])
        }
    }

    struct Appoint: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Proposes a post (任岗), which another administrator confirms.")
        @OptionGroup var administrator: Administrator
        @Argument(help: "Number of the person.") var person: String
        @Argument(help: "The post as role@unit.") var post: String
        @Option(help: "Its last day, such as 2027-06-30.") var until: String?

        func run() throws {
            guard let post = People.post(post) else { throw ValidationError("\(post): write role@unit") }
            var inputs: [Procedures.Process.Input.Kind: InputValue] = [
                .person: .text(person), .role: .text(post.role), .unit: .text(post.unit),
            ]
            if let until { inputs[.date] = .text(until) }
            try administrator.acting().begin(.post, inputs)
        }
    }

    struct Trust: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Proposes a certificate with which a person signs in; another administrator confirms it.")
        @OptionGroup var administrator: Administrator
        @Argument(help: "Number of the person.") var person: String
        @Argument(help: "File of the certificate (PEM).") var certificate: String
        @Option(help: "2 for a certificate in a device, 3 for one in a usb-key.") var level = 2

        func run() throws {
            let acting = try administrator.acting()
            let offered = try Certificate(pem: FileSystem.read(certificate, limit: 1 << 20))
            do {
                try acting.desk.configuration.verifySignIn(offered, at: acting.now)
            } catch {
                throw CommandRefused(
                    description: "\(certificate): nobody could sign in with it today (\(error)); nothing is proposed")
            }
            let key = offered.publicKeyDigest.hex
            try acting.begin(.credential, [.person: .text(person), .key: .text(key), .number: .number(level)])
        }
    }

    struct Confirm: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Confirms a post or certificate that another administrator proposed.")
        @OptionGroup var administrator: Administrator
        @Argument(help: "The subject, as it was printed when it was proposed.") var subject: String

        func run() throws {
            try administrator.acting().take(on: subject, why: nil) { action, _ in action.givesRights }
        }
    }

    struct Refuse: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Refuses a post or certificate that was proposed, or takes one's own proposal back.")
        @OptionGroup var administrator: Administrator
        @Argument(help: "The subject, as it was printed when it was proposed.") var subject: String
        @Option(help: "Why.") var why: String

        func run() throws {
            try administrator.acting().take(on: subject, why: why) { action, process in
                // Of what another has to confirm, such as a post; a person is on record at once.
                process.confirming != nil && action.from == [process.begin.state] && !action.givesRights
            }
        }
    }

    struct End: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Ends a post (免), revokes a certificate, or records that a person leaves: from now on.")
        @OptionGroup var administrator: Administrator
        @Argument(help: "The subject: post-…, credential-… or person-NUMBER.") var subject: String
        @Option(help: "Why.") var why: String

        func run() throws {
            let acting = try administrator.acting()
            try acting.take(on: subject, why: why) { action, _ in
                if subject.hasPrefix(Procedures.Process.SubjectKind.person.rawValue) { return !action.reopens }
                return action.allEffects.contains { $0 == .end || $0 == .distrust }
            }
        }
    }
}

/// The administrator who acts at a terminal, shown by a private key.
struct Administrator: ParsableArguments {
    @OptionGroup var configurationOption: ConfigurationOption
    @Option(help: "Your key and certificate: a path without extension, or a key in a token.") var identity: String

    func acting() throws -> Acting {
        let desk = try Desk(configurationOption.load(), random: systemRandomBytes)
        let now = desk.configuration.now()
        return try Acting(identity, of: desk, at: now)
    }

    /// The certificate of an identity whose key signed a challenge, and with which somebody can sign in.
    static func shownKey(_ path: String, of desk: Desk, at now: Instant) throws -> Identity {
        let identity = try Identity(path: path)
        let key = identity.certificate.publicKeyDigest
        // A certificate without its key shows nothing: what is signed here is verified with it.
        let challenge = systemRandomBytes(32)
        let signature = try DetachedSignature.sign(challenge, by: identity)
        _ = try DetachedSignature.pinnedSigner(of: signature, over: challenge, allowed: [key])
        try desk.configuration.verifySignIn(identity.certificate, at: now)
        return identity
    }

    /// Whom a key shows.
    static func member(_ path: String, of desk: Desk, at now: Instant) throws -> CaseStore.Member {
        try member(shownKey(path, of: desk, at: now), of: desk, at: now)
    }

    static func member(_ identity: Identity, of desk: Desk, at now: Instant) throws -> CaseStore.Member {
        guard let member = try desk.cases.member(key: identity.certificate.publicKeyDigest, at: now) else {
            throw ValidationError("the certificate is nobody's who works here")
        }
        return member
    }
}

/// Somebody who acts at a terminal, in whichever of their posts allows it.
struct Acting {
    let desk: Desk
    let member: CaseStore.Member
    /// Signs acts at level 4.
    let identity: Identity
    let now: Instant

    /// - Parameter path: of a key and its certificate, or a key in a token.
    init(_ path: String, of desk: Desk, at now: Instant) throws {
        self.desk = desk
        self.now = now
        identity = try Administrator.shownKey(path, of: desk, at: now)
        member = try Administrator.member(identity, of: desk, at: now)
    }

    /// A command with its officer's signature; nil where none is missing, or where none would be enough.
    private func signed(
        _ command: Command, on subject: String, grounds: SHA256Digest, nonce: String, as officer: Officer,
        for stepUp: Int?, shown: () throws -> [ActStatement.Line]
    ) throws -> SignedAct? {
        guard officer.mustSign(for: stepUp) else { return nil }
        let statement = ActStatement(
            subject: subject, command: command, grounds: grounds, nonce: nonce, officer: officer, key: member.key,
            at: now, shown: try shown() + [desk.signerLine(member, officer)])
        return SignedAct(
            statement: statement.bytes, signature: try DetachedSignature.sign(statement.bytes, by: identity))
    }

    func begin(
        _ subject: Procedures.Process.SubjectKind, _ said: [Procedures.Process.Input.Kind: InputValue]
    ) throws {
        guard let process = desk.surroundings.library.processes.first(where: { $0.subject == subject }) else {
            throw ValidationError("no process has a \(subject.rawValue) as its subject")
        }
        let inputs = process.begin.inputs(of: said)
        let command = Command(action: Procedures.Process.EventName.begin, inputs: inputs)
        try trying { officer in
            let nonce = hexText(systemRandomBytes(16))
            let level = try desk.cases.levelNeeded(toBegin: process, inputs, as: officer, key: nonce, at: now)
            let signed = try signed(
                command, on: "", grounds: process.digest, nonce: nonce, as: officer, for: level
            ) { try desk.lines(beginning: process, inputs) }
            print(try desk.cases.beginSubject(process, inputs, as: officer, key: nonce, signed: signed, at: now))
        }
    }

    func take(
        on id: String, why: String?, _ isWanted: (Procedures.Process.Action, Procedures.Process) -> Bool
    ) throws {
        let view: CaseStore.View
        do {
            view = try desk.cases.view(id, as: member.posts, at: now)
        } catch CaseStore.Failure.unknownSubject {
            throw CommandRefused(
                description: "there is no \(id), or none of your posts sees it; `coredesk people list` names them all")
        }
        let offered = Set(
            member.officers.flatMap { officer in
                view.process.offers(on: view.file, to: .officer(officer), in: view.world).map(\.action)
            })
        let wanted = view.process.actions.filter {
            $0.from.contains(view.file.state) && isWanted($0, view.process)
        }
        guard let action = wanted.first(where: { offered.contains($0.id) }) ?? wanted.first else {
            throw CommandRefused(
                description:
                    "\(id) is \(view.process.state(view.file.state)?.label.text("en") ?? view.file.state): not now")
        }
        var inputs: [String: InputValue] = [:]
        let why = try why.map { try Self.words($0, "--why") }
        if let why, let input = action.ask.first(where: { $0.kind == .longtext }) { inputs[input.id] = .text(why) }
        let command = Command(action: action.id, inputs: inputs)
        let grounds = view.process.grounds(of: action, task: nil, on: view.file)
        try trying { officer in
            let nonce = hexText(systemRandomBytes(16))
            let offer = view.process.offers(on: view.file, to: .officer(officer), in: view.world).first {
                $0.action == action.id
            }
            let signed = try signed(
                command, on: id, grounds: grounds, nonce: nonce, as: officer, for: offer?.stepUp
            ) { try desk.lines(of: command, on: view) }
            _ = try desk.cases.perform(
                command, on: id, as: .officer(officer), key: nonce, grounds: grounds, signed: signed, at: now, now: now)
        }
        print("\(id): \(action.label.text("en"))")
    }

    /// How strongly somebody must be known to use a permission of a role at a terminal.
    static let permittedLevel = Officer.levelOfUSBKey

    /// Somebody's post that has a permission.
    func officer(with permission: ProcessLibrary.Permission) throws -> Officer {
        let permissions = desk.surroundings.library.permissions
        let found = member.officers.first { officer in
            officer.level >= Self.permittedLevel && permissions[officer.post.role]?.contains(permission) == true
        }
        guard let found else {
            throw CommandRefused(
                description:
                    "\(member.officers.first?.post.person ?? "somebody here") may not do that: it needs a post with \(permission.rawValue) (Content/roles.yaml) and a certificate of level \(Self.permittedLevel)"
            )
        }
        return found
    }

    /// What somebody said on a command line, as it is kept; blanks alone say nothing.
    static func words(_ text: String, _ option: String) throws -> String {
        guard let words = try? ActionForm.stored(text, option) else {
            throw ValidationError("\(option) holds a character that cannot be used, or is too long")
        }
        guard !words.allSatisfy(\.isWhitespace) else { throw ValidationError("\(option) says nothing") }
        return words
    }

    private static func words(_ refusal: Refusal) -> String {
        switch refusal {
        case .officer(.samePerson): "you proposed it: another administrator confirms it"
        case .officer(.otherPerson): "only who proposed it takes it back"
        case .officer, .level: "none of your posts may do that with this certificate"
        case .taken: "the number or the key is somebody's already"
        case .held: "the person holds this post already"
        case .nobody: "no such person works here"
        case .excluded: "the person holds a post that excludes this one"
        case .lastTwo: "two people must stay who can sign in and appoint others: appoint somebody else first"
        case .input(let id, .unknown):
            "\(id): there is no such role or unit; see Content/roles.yaml and Content/units.yaml"
        case .input(let id, .outOfRange): "\(id): out of range; levels are 2 or 3, and a last day is not past"
        case .input(let id, .missing): "\(id): it is missing"
        case .input(let id, .wrongType):
            "\(id): it is not written so; numbers are letters, digits and hyphens, days such as 2027-06-30"
        case .input(let id, let problem): "\(id): \(problem.rawValue)"
        default: "it is not open for that now"
        }
    }

    /// In one post after the other; the last refusal is told.
    private func trying(_ body: (Officer) throws -> Void) throws {
        var refused = "none of your posts may do that"
        for officer in member.officers {
            do {
                return try body(officer)
            } catch CaseStore.Failure.refused(let refusal) {
                refused = Self.words(refusal)
            } catch CaseStore.Failure.erased {
                refused = "its words were erased: take another number"
            } catch CaseStore.Failure.unknownSubject {
                // Not for this post to see; perhaps for another.
            }
        }
        throw CommandRefused(description: refused)
    }
}

/// The first people of an installation, out of a file.
enum FirstPeople {
    /// Reads `people:` with `id`, `name`, `certificate`, `level` and `posts` (`role@unit`); paths are relative to the file.
    static func read(_ path: String, _ surroundings: Surroundings) throws -> [CaseStore.Founder] {
        var diagnostics: [Diagnostic] = []
        let text = String(decoding: try FileSystem.read(path, limit: 1 << 20), as: UTF8.self)
        var people: [CaseStore.Founder] = []
        if let node = YAMLNode.parse(text, path: path, diagnostics: &diagnostics) {
            var reader = MapReader(node)
            people = reader.list("people").compactMap { founder($0, path, surroundings, &reader) }
            let appointing = surroundings.library.processes.appointingRoles
            for (number, founder) in people.enumerated() where people[..<number].contains(where: founder.isAlike) {
                reader.wrongType(
                    "people", zh: "每人一个 id、一个证书（\(founder.person) 重复）",
                    en: "an id and a certificate for each person (\(founder.person)'s is there twice)")
            }
            if people.count(where: { $0.appoints(by: appointing) }) < 2 {
                reader.wrongType(
                    "people", zh: "至少两人（level: 3）的岗位是 \(appointing.sorted().joined(separator: "、"))：一人提出，另一人复核",
                    en:
                        "two people at least of level 3 who are \(appointing.sorted().joined(separator: ", ")): one proposes, another confirms"
                )
            }
            diagnostics += reader.finish()
        }
        if diagnostics.hasErrors { throw Configuration.report(diagnostics) }
        return people
    }

    private static func founder(
        _ node: YAMLNode, _ path: String, _ surroundings: Surroundings, _ outer: inout MapReader
    ) -> CaseStore.Founder? {
        var reader = MapReader(node)
        let (id, name) = (reader.requiredString("id"), reader.requiredString("name"))
        let certificate = reader.requiredString("certificate")
        let level = reader.integer("level") ?? 2
        if !(2...3).contains(level) { reader.wrongType("level", zh: "2 或 3", en: "2 or 3") }
        let posts = (reader.strings("posts") ?? []).compactMap { text -> (role: String, unit: String)? in
            guard let post = People.post(text), surroundings.library.roles[post.role] != nil,
                surroundings.isUnit(post.unit)
            else {
                reader.wrongType("posts", zh: "角色@单位", en: "role@unit, both of Content")
                return nil
            }
            return post
        }
        var key: SHA256Digest?
        if let certificate {
            let file = certificate.hasPrefix("/") ? certificate : FileSystem.parent(path) + "/" + certificate
            do {
                let offered = try Certificate(pem: FileSystem.read(file, limit: 1 << 20))
                try surroundings.configuration.verifySignIn(offered, at: surroundings.configuration.now())
                key = offered.publicKeyDigest
            } catch {
                reader.add(
                    Diagnostic(
                        "certificate", reader.position(of: "certificate") ?? node.position,
                        problem: Bilingual(
                            zh: "“\(file)”不是现在能用来登录的证书（\(error)）",
                            en: "\(file) is no certificate that can sign in today (\(error))"),
                        remedy: Bilingual(zh: "请换一个证书", en: "give another certificate")))
            }
        }
        let stored = name.flatMap { try? ActionForm.stored($0, "name", isLine: true) }
        if name != nil, stored?.isEmpty != false { reader.wrongType("name", zh: "姓名", en: "a name") }
        for diagnostic in reader.finish() { outer.add(diagnostic) }
        guard let id, let name = stored, let key else { return nil }
        return CaseStore.Founder(person: id, name: name, key: key, level: level, posts: posts)
    }
}

/// What was refused, without the usage that a mistake in the command's form brings.
struct CommandRefused: Error, CustomStringConvertible {
    let description: String
}
