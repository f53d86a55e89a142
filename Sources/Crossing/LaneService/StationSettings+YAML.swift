package import Ferry
import PortalBase
package import PositionedYAML

extension StationSettings {
    /// Reads the `ferry:` part of an owner's configuration; mistakes go to `outer`, with their places.
    ///
    /// - Parameters:
    ///   - authority: of the whole file, where the part does not name its own.
    ///   - resolve: makes paths of the file absolute.
    package static func read(
        _ node: YAMLNode, _ outer: inout MapReader, authority: String? = nil, revocationLists: [String] = [],
        resolve: (String) -> String
    ) -> StationSettings {
        var reader = MapReader(node)
        /// A path, or a key in a token.
        func key(_ text: String) -> String { text.hasPrefix("pkcs11:") ? text : resolve(text) }
        func number(_ name: String, _ range: ClosedRange<Int>, _ set: (Int) -> Void) {
            guard let value = reader.integer(name) else { return }
            if range.contains(value) { return set(value) }
            reader.wrongType(
                node[name] ?? node, zh: "\(range.lowerBound) 到 \(range.upperBound) 的整数",
                en: "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        func flag(_ name: String) -> Bool {
            guard let text = reader.string(name) else { return false }
            if text == "acknowledged" { return false }
            if text == "one-way" { return true }
            reader.wrongType(node[name] ?? node, zh: "acknowledged 或 one-way", en: "acknowledged or one-way")
            return false
        }
        var settings = StationSettings(
            spool: resolve(reader.requiredString("spool") ?? ""), sign: key(reader.requiredString("sign") ?? ""),
            open: (reader.strings("open") ?? []).map(key),
            authority: reader.string("authority").map(resolve) ?? authority ?? "",
            signers: (reader.strings("signers") ?? []).map(resolve),
            recipients: (reader.strings("recipients") ?? []).map(resolve),
            operators: (reader.strings("operators") ?? []).map(resolve))
        settings.revocationLists = reader.strings("revocation_lists")?.map(resolve) ?? revocationLists
        settings.sm2Sign = reader.string("sm2_sign").map(key)
        settings.sm2Signers = (reader.strings("sm2_signers") ?? []).map(resolve)
        for (name, isEmpty) in [
            ("open", settings.open.isEmpty), ("authority", settings.authority.isEmpty),
            ("signers", settings.signers.isEmpty), ("recipients", settings.recipients.isEmpty),
            ("operators", settings.operators.isEmpty), ("revocation_lists", settings.revocationLists.isEmpty),
        ] where isEmpty { reader.missing(name) }
        if let text = reader.string("seal") {
            if let seal = BatchManifest.Seal(rawValue: text) {
                settings.seal = seal
            } else {
                reader.wrongType(node["seal"] ?? node, zh: "cms 或 none", en: "cms or none")
            }
        }
        var (again, times, days) = (24, 3, 7)
        number("offer_again_hours", 1...8_760) { again = $0 }
        number("one_way_times", 1...100) { times = $0 }
        number("one_way_days", 1...365) { days = $0 }
        settings.sending.delivery =
            flag("sends") ? .oneWay(times: times, over: days * 86_400) : .acknowledged(again: again * 3_600)
        settings.acknowledges = !flag("receives")
        number("lifetime_days", 1...365) { settings.sending.lifetime = $0 * 86_400 }
        number("max_items", 1...10_000) { settings.sending.maxItems = $0 }
        number("heartbeat_hours", 1...8_760) { settings.sending.heartbeat = $0 * 3_600 }
        number("reserve_mb", 0...1_000_000) {
            settings.sending.reserve = $0 << 20
            settings.receiving.reserve = $0 << 20
        }
        number("parts_grace_seconds", 0...86_400) { settings.receiving.partsGrace = $0 }
        number("gap_alarm_hours", 0...8_760) { settings.receiving.gapAfter = $0 * 3_600 }
        number("silence_alarm_hours", 1...8_760) { settings.receiving.silenceAfter = $0 * 3_600 }
        number("quarantine_days", 1...3_650) { settings.receiving.quarantineFor = $0 * 86_400 }
        number("keep_delivered_days", 0...365) { settings.keepDelivered = $0 * 86_400 }
        number("seal_after_seconds", 1...86_400) { settings.sealAt.seconds = $0 }
        number("seal_after_mb", 1...1_024) { settings.sealAt.bytes = $0 << 20 }
        for diagnostic in reader.finish() { outer.add(diagnostic) }
        return settings
    }
}
