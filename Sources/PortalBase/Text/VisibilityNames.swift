/// Names that editors give to audiences in Chinese, and what they stand for.
package enum VisibilityNames {
    private static let tags = [
        "内网": "intranet", "仅内网": "intranet", "内部": "intranet", "公开": "public", "外网": "public",
    ]

    /// A tag as variants know it; anything else is returned as it is.
    package static func tag(_ written: String) -> String { tags[written] ?? written }

    /// Keys of a head or a table that say for whom it is, besides `visibility`.
    package static let keys: Set<String> = ["可见", "可见性", "可见范围"]
}
