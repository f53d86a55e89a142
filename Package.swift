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
        .executable(name: "sitegen", targets: ["SiteGen"]),
        .executable(name: "formsapi", targets: ["FormsAPI"]),
        .executable(name: "coredesk", targets: ["CoreDesk"]),
        .executable(name: "ferry", targets: ["FerryTool"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swhitty/FlyingFox", from: "0.27.1"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // C libraries from Debian. Only shims for what Swift cannot call.
        .systemLibrary(name: "CLibCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .target(name: "CCMarkGFM"),
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CBrotli", pkgConfig: "libbrotlienc", providers: [.apt(["libbrotli-dev"])]),

        // Text sixteen bytes at a time.
        .target(name: "CBytes"),

        // Values that three or more targets need: diagnostics, instants, canonical JSON, digests,
        // durable files. Imports none of our Swift targets, so that all of them can import it.
        .target(name: "PortalBase", dependencies: ["CBytes", "CLibCrypto", "CLinux"], swiftSettings: strict),

        // YAML with positions and refusals (anchors, duplicate keys). The only user of Yams.
        .target(name: "PositionedYAML", dependencies: ["PortalBase", "Yams"], swiftSettings: strict),

        // Markdown bytes in; HTML bytes with slots for links and directives out. The only user of
        // cmark-gfm. Knows no site, no page and no file.
        .target(name: "Markdown", dependencies: ["PortalBase", "CBytes", "CCMarkGFM"], swiftSettings: strict),

        // The theme language: Mustache compiled once, writing bytes. Knows no site.
        .target(name: "Templates", dependencies: ["PortalBase"], swiftSettings: strict),

        // Content tree to site graph: configuration, front matter, loading, the audience filter, and the
        // graph that is made from visible content only. Writes nothing and renders no template.
        .target(
            name: "SiteModel", dependencies: ["PortalBase", "PositionedYAML", "Markdown", "CZlib"],
            swiftSettings: strict),

        // Form definitions, validation and no-JS HTML: shared by sitegen, formsapi and coredesk. Knows no site,
        // no HTTP and no store; `process` is plain values here.
        .target(name: "Forms", dependencies: ["PortalBase", "PositionedYAML"], swiftSettings: strict),

        // Tokeniser and static full-text index: documents in, files out. Knows no site and no disk.
        .target(name: "Search", dependencies: ["PortalBase"], swiftSettings: strict),

        // The command `sitegen`: stages from a source folder to output trees.
        .executableTarget(
            name: "SiteGen",
            dependencies: [
                "PortalBase", "PositionedYAML", "Markdown", "Templates", "SiteModel", "Forms", "Search", "CLinux",
                "CZlib",
                "CBrotli",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "FlyingSocks", package: "FlyingFox"),
            ],
            swiftSettings: strict),

        // Signed and enveloped data on libcrypto (RFC 5652, 5083), and the symmetric pieces beside it: AES-GCM,
        // HKDF, HMAC. Knows bytes, keys and certificates; no batch, no form.
        .target(name: "CMS", dependencies: ["PortalBase", "CLibCrypto"], swiftSettings: strict),

        // Batches, lanes and acknowledgements: payload = kind + id + bytes. Knows no form, no SQL and no HTTP; lane
        // state lies in the owner's database behind `LaneStore`.
        .target(name: "Ferry", dependencies: ["PortalBase", "CMS"], swiftSettings: strict),

        // Durable transactions over SQLite or PostgreSQL, in statements that both understand, with group commit. The
        // only user of GRDB and libpq. Knows no table.
        .target(
            name: "SQL", dependencies: ["CLibPQ", .product(name: "GRDB", package: "GRDB.swift")], swiftSettings: strict),

        // `LaneStore` in a database, for the two programs that own a lane's state.
        .target(name: "LaneDatabase", dependencies: ["PortalBase", "Ferry", "SQL"], swiftSettings: strict),

        // What the city publishes, from a built tree to the folder that nginx serves: listing, release, items, one switch.
        // Knows files and signatures; no page and no lane.
        .target(
            name: "SiteBundle", dependencies: ["PortalBase", "CMS", "Ferry"], swiftSettings: strict),

        // What the two programs share that own a lane: the `ferry:` part of a configuration, running a lane once or
        // watching, the operator's commands. Knows no form and no table.
        .target(
            name: "LaneService",
            dependencies: [
                "PortalBase", "PositionedYAML", "CMS", "Ferry", "LaneDatabase",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], swiftSettings: strict),

        // Sealed submissions at the edge: receipts, once-only, tickets, status boxes, retention. Sees no plaintext.
        .target(
            name: "Submissions",
            dependencies: ["PortalBase", "CMS", "Ferry", "LaneDatabase", "SiteBundle", "SQL"],
            swiftSettings: strict),

        // The command `formsapi`: intake in the internet buffer zone. Holds no private key while serving.
        .executableTarget(
            name: "FormsAPI",
            dependencies: [
                "PortalBase", "PositionedYAML", "Forms", "CMS", "Submissions", "Ferry", "LaneService", "SiteBundle",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: strict),

        // The command `ferry`: seals, opens and verifies files by hand; never moves a lane.
        .executableTarget(
            name: "FerryTool",
            dependencies: [
                "PortalBase", "CMS", "Ferry", "LaneDatabase", "SiteBundle",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),

        // Pure engine: definitions, fork and join, deadlines on a working calendar. Time is a parameter; knows no
        // clock, no SQL and no HTTP.
        .target(name: "Workflow", dependencies: ["PortalBase"], swiftSettings: strict),

        // The command `coredesk`: hotline loop and parallel approvals in the core network.
        .executableTarget(
            name: "CoreDesk",
            dependencies: [
                "PortalBase", "PositionedYAML", "Templates", "Forms", "CMS", "Ferry", "LaneDatabase", "LaneService",
                "SQL",
                "SiteBundle", "Workflow",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: strict),

        // Tests: one folder a target, and what crosses targets in IntegrationTests.
        .target(
            name: "TestSupport", dependencies: ["PortalBase", "CMS"], path: "Tests/TestSupport", swiftSettings: strict),
        // Entry points for libFuzzer; Scripts/fuzz links them.
        .target(
            name: "FuzzTargets",
            dependencies: [
                "PortalBase", "PositionedYAML", "SiteModel", "CMS", "Ferry", "Forms", "SiteBundle", "Workflow",
            ],
            path: "Tests/Fuzz", exclude: ["seeds"],
            swiftSettings: strict),
        .testTarget(
            name: "PortalBaseTests", dependencies: ["PortalBase", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "PositionedYAMLTests", dependencies: ["PortalBase", "PositionedYAML", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "SiteModelTests", dependencies: ["PortalBase", "SiteModel"], swiftSettings: strict),
        .testTarget(
            name: "MarkdownTests", dependencies: ["PortalBase", "CCMarkGFM", "Markdown"], swiftSettings: strict),
        .testTarget(
            name: "TemplatesTests", dependencies: ["PortalBase", "Templates", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "SearchTests", dependencies: ["PortalBase", "Search", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "FormsTests", dependencies: ["PortalBase", "PositionedYAML", "Forms", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "FerryTests",
            dependencies: [
                "PortalBase", "CMS", "Ferry", "LaneDatabase", "SQL", "TestSupport",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "SubmissionsTests",
            dependencies: ["PortalBase", "CMS", "Ferry", "LaneDatabase", "SQL", "Submissions", "TestSupport"],
            swiftSettings: strict),
        .testTarget(name: "SiteBundleTests", dependencies: ["PortalBase", "SiteBundle"], swiftSettings: strict),
        .testTarget(
            name: "WorkflowTests", dependencies: ["PortalBase", "Workflow", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "FormsAPITests",
            dependencies: [
                "PortalBase", "FormsAPI", "Submissions", "TestSupport",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "CoreDeskTests",
            dependencies: [
                "PortalBase", "Markdown", "PositionedYAML", "CMS", "Ferry", "Forms", "LaneDatabase", "SQL",
                "Submissions",
                "Workflow", "CoreDesk", "TestSupport",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "IntegrationTests",
            dependencies: ["PortalBase", "SiteModel", "Search", "SiteGen", "TestSupport"], swiftSettings: strict),
    ]
)
