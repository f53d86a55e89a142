package import Ferry
package import LaneDatabase
package import PortalBase

/// A program in whose database lanes live, as far as the commands that run them need it.
package protocol LaneOwner {
    /// - Parameter path: of its configuration file.
    static func openLanes(_ path: String) throws -> OwnedLanes
}

package struct OwnedLanes: Sendable {
    package let settings: StationSettings
    package let lanes: LaneDatabase
    package let sends: (lane: String, registry: KindRegistry)
    package let receives: (lane: String, registry: KindRegistry)
    package let now: @Sendable () -> Instant
    /// What the owner does before it sends.
    package let beforeRun: @Sendable () throws -> Void
    /// What the owner does after a lane has run, and lines about it.
    package let afterRun: @Sendable () throws -> [String]

    package init(
        settings: StationSettings, lanes: LaneDatabase, sends: (lane: String, registry: KindRegistry),
        receives: (lane: String, registry: KindRegistry), now: @escaping @Sendable () -> Instant,
        beforeRun: @escaping @Sendable () throws -> Void = {}, afterRun: @escaping @Sendable () throws -> [String]
    ) {
        self.settings = settings
        self.lanes = lanes
        self.sends = sends
        self.receives = receives
        self.now = now
        self.beforeRun = beforeRun
        self.afterRun = afterRun
    }

    package func station() throws -> Station {
        try settings.station(sends: sends, receives: receives, store: lanes)
    }
}
