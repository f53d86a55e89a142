// swift-tools-version: 6.2
import PackageDescription

// Every target: Swift 6 language mode, warnings are errors, explicit existentials,
// imports internal unless said otherwise. The rule above a target says what it may know;
// Scripts/check-imports holds the `import` lines against this manifest.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let package = Package(
    name: "XinmiPortal",
    products: [
        .executable(name: "sitegen", targets: ["SiteGen"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swhitty/FlyingFox", from: "0.27.1"),
    ],
    targets: [
        // C libraries from Debian. Only shims for what Swift cannot call.
        .systemLibrary(name: "CLibCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .target(name: "CCMarkGFM"),

        // Values that three or more targets need: diagnostics, instants, canonical JSON, digests,
        // durable files. Imports none of our Swift targets, so that all of them can import it.
        .target(name: "PortalBase", dependencies: ["CLibCrypto"], swiftSettings: strict),

        // YAML with positions and refusals (anchors, duplicate keys). The only user of Yams.
        .target(name: "PositionedYAML", dependencies: ["PortalBase", "Yams"], swiftSettings: strict),

        // Markdown bytes in; HTML bytes with slots for links and directives out. The only user of
        // cmark-gfm. Knows no site, no page and no file.
        .target(name: "Markdown", dependencies: ["PortalBase", "CCMarkGFM"], swiftSettings: strict),

        // The theme language: Mustache compiled once, writing bytes. Knows no site.
        .target(name: "Templates", dependencies: ["PortalBase"], swiftSettings: strict),

        // Content tree to site graph: configuration, front matter, loading, the audience filter, and the
        // graph that is made from visible content only. Writes nothing and renders no template.
        .target(name: "SiteModel", dependencies: ["PortalBase", "PositionedYAML", "Markdown"], swiftSettings: strict),

        // Form definitions, validation and no-JS HTML: shared by sitegen, formsapi and coredesk. Knows no site,
        // no HTTP and no store; `process` is plain values here.
        .target(name: "Forms", dependencies: ["PortalBase", "PositionedYAML"], swiftSettings: strict),

        // The command `sitegen`: stages from a source folder to output trees.
        .executableTarget(
            name: "SiteGen",
            dependencies: [
                "PortalBase", "PositionedYAML", "Markdown", "Templates", "SiteModel", "Forms",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "FlyingFox", package: "FlyingFox"),
            ],
            swiftSettings: strict),
    ]
)
