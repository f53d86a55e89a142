package import PortalBase
package import PositionedYAML

/// `now:` of a configuration, which stops the clock for demonstrations and tests. Only where the file says
/// `demonstration: true`: a stopped clock in service would stop every deadline, without a word.
package func fixedClock(_ reader: inout MapReader) -> Instant? {
    let isDemonstration = reader.bool("demonstration") ?? false
    guard let text = reader.string("now"), let node = reader.node["now"] else { return nil }
    guard let instant = Instant(iso: text, zone: .shanghai) else {
        reader.wrongType(node, zh: "时刻，如 2026-09-01T09:00:00+08:00", en: "an instant such as 2026-09-01T09:00:00+08:00")
        return nil
    }
    guard isDemonstration else {
        reader.wrongType(
            node, zh: "只在 demonstration: true 的配置里才能有 now（它会停住所有时钟）",
            en: "only in a file that says `demonstration: true`: `now` stops every clock")
        return nil
    }
    return instant
}
