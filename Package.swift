// swift-tools-version: 6.1
import PackageDescription

// Imports point one way: iii → Adapters → Workers → Engine, Adapters → Storage (docs/architecture.md).
// C libraries from Debian are linked statically (`:lib.a`), so that the release build is one binary.

/// Everything loop-confined lives on one thread, so the run-time checks for overlapping access can only find a
/// re-entrancy bug. Debug builds, and so all unit tests, keep them; in a release build they cost a tenth of the hot path.
/// `Storage` does without: packages with unsafe flags can't be depended on, and it is a library.
let confined: [SwiftSetting] = [
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))
]

/// `III_MUTANTS=1`: not the product. Deliberate faults (`Storage/Mutants`) and failpoints are compiled in, for the unit
/// tests, the crash tests and `tools/dev/mutants` (`./test`, which builds in `.build-mutants`).
/// A debug build whose storage engine is optimised, with its assertions, and so are the simulated disks, clocks and threads
/// that its tests run on (`StorageTesting`): simulations take a fraction of the time. Without whole-module optimisation
/// Swift 6.3.1 loses the `deinit` of a generic noncopyable structure, so there is none of these; with it the compiler
/// crashes on `@testable` code.
let hasFaults = Context.environment["III_MUTANTS"] != nil

/// `III_TSAN=1`: not the product. `Storage` takes POSIX mutexes, which are the ones that ThreadSanitizer knows, and the
/// storage tests are the only ones (`tools/dev/thread-sanitizer`, which builds in `.build-tsan`).
let isSanitized = Context.environment["III_TSAN"] != nil

let optimised = SwiftSetting.unsafeFlags(["-O", "-assert-config", "Debug"])
let defines: [SwiftSetting] =
    (hasFaults ? [.define("III_MUTANTS")] : []) + (isSanitized ? [.define("III_TSAN")] : [])
let faults = defines + (hasFaults ? [optimised] : [])

let package = Package(
    name: "iii",
    products: [
        .executable(name: "iii", targets: ["iii"]),
        .executable(name: "iii-storage-inspect", targets: ["iii-storage-inspect"]),
        .library(name: "Storage", targets: ["Storage"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.6.0"),
    ],
    targets: [
        .systemLibrary(name: "CLibYAML", path: "Sources/System/CLibYAML"),
        .systemLibrary(name: "CLMDB", path: "Sources/System/CLMDB"),
        .systemLibrary(name: "CLZ4", path: "Sources/System/CLZ4"),
        .systemLibrary(name: "CCrypto", path: "Sources/System/CCrypto"),
        .target(name: "CPlatform", path: "Sources/System/CPlatform"),

        .target(
            name: "Storage",
            dependencies: ["CPlatform", "CLMDB", "CLZ4", "CCrypto"],
            swiftSettings: faults,
            linkerSettings: [
                .linkedLibrary(":liblmdb.a"), .linkedLibrary(":liblz4.a"), .linkedLibrary(":libcrypto.a"),
                .linkedLibrary("dl"),
            ]
        ),
        .target(
            name: "Engine",
            dependencies: [
                "CLibYAML",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "DequeModule", package: "swift-collections"),
            ],
            swiftSettings: confined,
            linkerSettings: [.linkedLibrary(":libyaml.a")]
        ),
        .target(
            name: "Workers",
            dependencies: [
                "Engine",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "DequeModule", package: "swift-collections"),
            ],
            swiftSettings: confined
        ),
        .target(
            name: "Adapters",
            dependencies: [
                "Workers",
                "Storage",
                "CCrypto",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
            ],
            swiftSettings: confined
        ),
        .executableTarget(
            name: "iii",
            dependencies: [
                "Adapters",
                "CPlatform",
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]
        ),
        .executableTarget(
            name: "iii-storage-inspect",
            dependencies: [
                "Adapters",
                "Storage",
                "StorageDrill",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "tools/iii-storage-inspect"
        ),

        // The crash layers L3 and L4 (storage.md §6). Whatever links CRecorder gets its definitions of pwrite and others.
        .target(name: "CRecorder", path: "tools/StorageDrill/Recorder", linkerSettings: [.linkedLibrary("dl")]),
        .target(
            name: "StorageDrill",
            dependencies: ["Storage", "CPlatform", "CRecorder"],
            path: "tools/StorageDrill",
            exclude: ["Recorder"]
        ),
        .executableTarget(
            name: "storage-drill",
            dependencies: ["StorageDrill", "CPlatform"],
            path: "Tests/Crash/StorageDrillMain"
        ),

        // What the storage tests run on; a test target because it reads what is internal to `Storage`.
        .testTarget(
            name: "StorageTesting",
            dependencies: ["Storage", "CPlatform"],
            path: "Tests/Unit/StorageTesting",
            swiftSettings: faults
        ),
        .testTarget(
            name: "StorageTests",
            dependencies: ["Storage", "StorageTesting", "CPlatform", "CCrypto"],
            path: "Tests/Unit/Storage",
            exclude: ["Golden"],
            swiftSettings: defines
        ),
        .testTarget(
            name: "StorageDrillTests",
            dependencies: ["StorageDrill", "CRecorder", "Storage"],
            path: "Tests/Unit/StorageDrill",
            exclude: ["Fixtures"]
        ),
        .testTarget(
            name: "EngineTests",
            dependencies: ["Engine", .product(name: "NIOEmbedded", package: "swift-nio")],
            path: "Tests/Unit/Engine"
        ),
        .testTarget(
            name: "StorageInspectTests",
            dependencies: [
                "Adapters",
                "Engine",
                "Storage",
                "StorageDrill",
                "Workers",
                "iii-storage-inspect",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Tests/Unit/StorageInspect",
            exclude: ["Snapshots"]
        ),
        .testTarget(name: "CommandLineTests", dependencies: ["iii"], path: "Tests/Unit/CommandLine"),
        .testTarget(name: "UpstreamTests", dependencies: ["Adapters", "Engine"], path: "Tests/Unit/Upstream"),
        .testTarget(
            name: "WorkersTests",
            dependencies: [
                "Workers",
                "Adapters",
                "Storage",
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Tests/Unit/Workers"
        ),
    ],
    swiftLanguageModes: [.v6]
)

if isSanitized {
    package.targets.removeAll { $0.type == .test && !["StorageTesting", "StorageTests"].contains($0.name) }
}
