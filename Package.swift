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

/// A library of one side: `Sources/<side>/<name>`.
func library(_ side: Side, _ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/\(side.rawValue)/\(name)", swiftSettings: strict)
}

/// The folders below `Sources`, which say who may know whom: Base knows nobody; Text knows Base; all others know both, and
/// Core knows Intake and Crossing besides. Exceptions stand above the target.
enum Side: String {
    case base = "Base", text = "Text", site = "Site", intake = "Intake", crossing = "Crossing", core = "Core"
}

let package = Package(
    name: "XinmiPortal",
    products: [
        .executable(name: "sitegen", targets: ["SiteGen"]),
        .executable(name: "formsapi", targets: ["FormsAPI"]),
        .executable(name: "coredesk", targets: ["CoreDesk"]),
        .executable(name: "ferry", targets: ["FerryTool"]),
        .executable(name: "desksign", targets: ["DeskSign"]),
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
        // MARK: Base — values and system libraries

        // C libraries from Debian. Only shims for what Swift cannot call.
        .systemLibrary(
            name: "CLibCrypto", path: "Sources/Base/CLibCrypto", pkgConfig: "libcrypto",
            providers: [.apt(["libssl-dev"])]),
        .systemLibrary(
            name: "CLibPQ", path: "Sources/Base/CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CZlib", path: "Sources/Base/CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(
            name: "CBrotli", path: "Sources/Base/CBrotli", pkgConfig: "libbrotlienc",
            providers: [.apt(["libbrotli-dev"])]),
        .systemLibrary(name: "CLinux", path: "Sources/Base/CLinux"),

        // Text sixteen bytes at a time.
        .target(name: "CBytes", path: "Sources/Base/CBytes"),

        // Values that three or more targets need: diagnostics, instants, canonical JSON, digests,
        // durable files. Imports none of our Swift targets, so that all of them can import it.
        library(.base, "PortalBase", ["CBytes", "CLibCrypto", "CLinux"]),

        // YAML with positions and refusals (anchors, duplicate keys). The only user of Yams.
        library(.base, "PositionedYAML", ["PortalBase", "Yams"]),

        // Durable transactions over SQLite or PostgreSQL, in statements that both understand, with group commit. The
        // only user of GRDB and libpq. Knows no table.
        library(.base, "SQL", ["CLibPQ", .product(name: "GRDB", package: "GRDB.swift")]),

        // MARK: Text — knows no site and no case

        .target(name: "CCMarkGFM", path: "Sources/Text/CCMarkGFM"),

        // Markdown bytes in; HTML bytes with slots for links and directives out. The only user of
        // cmark-gfm. Knows no site, no page and no file.
        library(.text, "Markdown", ["PortalBase", "CBytes", "CCMarkGFM"]),

        // The theme language: Mustache compiled once, writing bytes. Knows no site.
        library(.text, "Templates", ["PortalBase"]),

        // Tokeniser and static full-text index: documents in, files out. Knows no site and no disk.
        library(.text, "Search", ["PortalBase"]),

        // MARK: Site — what the city publishes

        // Content tree to site graph: configuration, front matter, loading, the audience filter, and the
        // graph that is made from visible content only. Writes nothing and renders no template.
        library(.site, "SiteModel", ["PortalBase", "PositionedYAML", "Markdown", "CZlib"]),

        // MARK: Intake — what citizens send

        // Form definitions, validation and no-JS HTML: shared by sitegen, formsapi and coredesk. Knows no site,
        // no HTTP and no store; `process` is plain values here.
        library(.intake, "Forms", ["PortalBase", "PositionedYAML"]),

        // Procedures as data: reader, checks, pictures and BPMN of processes. Values: no clock, no case, no store.
        library(.intake, "Procedures", ["PortalBase", "PositionedYAML", "Forms"]),

        // Sealed submissions at the edge: receipts, once-only, tickets, status boxes, retention. Sees no plaintext.
        // Queues for a lane, and so knows Crossing.
        library(.intake, "Submissions", ["PortalBase", "CMS", "Ferry", "LaneDatabase", "Seals", "SiteBundle", "SQL"]),

        // MARK: Crossing — what passes the gap

        // Signed and enveloped data on libcrypto (RFC 5652, 5083), and the symmetric pieces beside it: AES-GCM,
        // HKDF, HMAC. Knows bytes, keys and certificates; no batch, no form.
        library(.crossing, "CMS", ["PortalBase", "CLibCrypto"]),

        // Batches, lanes and acknowledgements: payload = kind + id + bytes. Knows no form, no SQL and no HTTP; lane
        // state lies in the owner's database behind `LaneStore`.
        library(.crossing, "Ferry", ["PortalBase", "CMS"]),

        // `LaneStore` in a database, for the two programs that own a lane's state.
        library(.crossing, "LaneDatabase", ["PortalBase", "Ferry", "SQL"]),

        // What the two programs share that own a lane: the `ferry:` part of a configuration, running a lane once or
        // watching, the operator's commands, backups. Knows no form and no table.
        library(
            .crossing, "LaneService",
            [
                "PortalBase", "PositionedYAML", "SQL", "CMS", "Ferry", "LaneDatabase",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),

        // What the core swears to have on record: roots over its log, signed. Values: knows no table and no lane.
        library(.crossing, "Seals", ["PortalBase"]),

        // What the city publishes, from a built tree to the folder that nginx serves: listing, release, items, one switch.
        // Knows files and signatures; no page and no lane.
        library(.crossing, "SiteBundle", ["PortalBase", "CMS", "Ferry"]),

        // MARK: Core — where cases are decided

        // Who may: posts, units, levels, one verdict. Values: no clock, no SQL, no HTTP.
        library(.core, "Authority", ["PortalBase"]),

        // Pure engine: what a process offers and decides on a case, the fold, clocks on a working calendar. Time is a
        // parameter; knows no clock, no SQL and no HTTP.
        library(.core, "Workflow", ["PortalBase", "Forms", "Procedures", "Authority"]),

        // The log of cases, what is made out of it and the seals over it: the only writer of the core's tables. Knows no HTTP and no
        // lane.
        library(
            .core, "Cases",
            ["PortalBase", "Search", "CMS", "Seals", "SQL", "Forms", "Procedures", "Authority", "Workflow"]),

        // Papers on their way: templates, and the two programs behind sockets that draw them and sign them, each in a process and a
        // user of its own. Knows no table and no HTTP.
        library(.core, "Papers", ["PortalBase", "Templates", "CMS"]),

        // The score of every unit: dated rules over figures, in whole numbers. Values: knows no table, no clock and no HTTP.
        library(.core, "Assessment", ["PortalBase", "PositionedYAML", "Forms", "Procedures", "Workflow"]),

        // MARK: Programs

        // The command `sitegen`: stages from a source folder to output trees.
        .executableTarget(
            name: "SiteGen",
            dependencies: [
                "PortalBase", "PositionedYAML", "Markdown", "Templates", "SiteModel", "Forms", "Procedures", "Search",
                "CLinux",
                "CZlib",
                "CBrotli",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "FlyingSocks", package: "FlyingFox"),
            ],
            swiftSettings: strict),

        // The command `formsapi`: intake in the internet buffer zone. Holds no private key while serving.
        .executableTarget(
            name: "FormsAPI",
            dependencies: [
                "PortalBase", "PositionedYAML", "SQL", "Forms", "CMS", "Submissions", "Ferry", "LaneService", "Seals",
                "SiteBundle",
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

        // The command `desksign`: shows an officer an act and signs it with their key; reaches no network.
        .executableTarget(
            name: "DeskSign",
            dependencies: [
                "PortalBase", "CMS", "Workflow",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),

        // The command `coredesk`: hotline loop and parallel approvals in the core network.
        .executableTarget(
            name: "CoreDesk",
            dependencies: [
                "PortalBase", "PositionedYAML", "Templates", "Forms", "Procedures", "CMS", "Ferry", "LaneDatabase",
                "LaneService", "Seals", "SQL", "SiteBundle", "Submissions", "Authority", "Workflow", "Cases", "Papers",
                "Assessment",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: strict),

        // MARK: Benches

        // Fills and times the core's store; Benchmarks/desk/bench.py runs it.
        .executableTarget(
            name: "deskbench",
            dependencies: [
                "PortalBase", "SQL", "LaneService", "Forms", "Procedures", "Authority", "Workflow", "Cases",
                "Assessment",
            ],
            path: "Benchmarks/desk/DeskBench", swiftSettings: strict),

        // MARK: Tests

        // Tests: one folder a target, and what crosses targets in IntegrationTests.
        .target(
            name: "TestSupport",
            dependencies: ["PortalBase", "CMS", "Procedures", "Authority", "Workflow", "Cases"],
            path: "Tests/TestSupport",
            swiftSettings: strict),
        // Entry points for libFuzzer; Scripts/fuzz links them.
        .target(
            name: "FuzzTargets",
            dependencies: [
                "PortalBase", "PositionedYAML", "SiteModel", "CMS", "Ferry", "Forms", "Procedures", "SiteBundle",
                "Workflow",
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
            name: "ProceduresTests",
            dependencies: ["PortalBase", "PositionedYAML", "Forms", "Procedures", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "FerryTests",
            dependencies: [
                "PortalBase", "CMS", "Ferry", "LaneDatabase", "SQL", "TestSupport",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "SubmissionsTests",
            dependencies: ["PortalBase", "CMS", "Ferry", "LaneDatabase", "Seals", "SQL", "Submissions", "TestSupport"],
            swiftSettings: strict),
        .testTarget(name: "SiteBundleTests", dependencies: ["PortalBase", "SiteBundle"], swiftSettings: strict),
        .testTarget(
            name: "WorkflowTests",
            dependencies: [
                "PortalBase", "PositionedYAML", "Forms", "Procedures", "Authority", "Workflow", "TestSupport",
            ], swiftSettings: strict),
        .testTarget(
            name: "CasesTests",
            dependencies: [
                "PositionedYAML", "PortalBase", "CMS", "Seals", "SQL", "Forms", "Procedures", "Authority", "Workflow",
                "Cases",
                "TestSupport",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "AssessmentTests",
            dependencies: [
                "PortalBase", "PositionedYAML", "Forms", "Procedures", "Workflow", "Assessment", "TestSupport",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "PapersTests", dependencies: ["PortalBase", "CMS", "Papers", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "FormsAPITests",
            dependencies: [
                "PortalBase", "SQL", "FormsAPI", "Submissions", "TestSupport",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "CoreDeskTests",
            dependencies: [
                "PortalBase", "Markdown", "PositionedYAML", "CMS", "Ferry", "Forms", "LaneDatabase", "SQL",
                "Procedures", "Submissions", "Authority", "Workflow", "Cases", "CoreDesk", "TestSupport",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "IntegrationTests",
            dependencies: ["PortalBase", "SiteModel", "Search", "SiteGen", "TestSupport"], swiftSettings: strict),
    ]
)
