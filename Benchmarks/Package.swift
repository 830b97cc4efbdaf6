// swift-tools-version: 6.1
import PackageDescription

// A package of its own, so that the engine's build and its dependencies never depend on a benchmark's.

let package = Package(
    name: "iii-benchmarks",
    products: [
        .executable(name: "bench", targets: ["Bench"]),
        .executable(name: "storage-bench", targets: ["StorageBench"]),
        .executable(name: "relay", targets: ["Relay"]),
        .executable(name: "echo-server", targets: ["EchoServer"]),
        .library(name: "malloc-counter", type: .dynamic, targets: ["MallocCounter"]),
    ],
    dependencies: [
        .package(name: "iii", path: ".."),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1"),
    ],
    targets: [
        .target(name: "CBench"),
        .target(name: "BenchKit", dependencies: ["CBench"]),
        .target(name: "MallocCounter"),
        // The stores that ours is compared with; only the storage benchmark links them.
        .target(
            name: "CPeers",
            dependencies: ["CBench"],
            linkerSettings: [.linkedLibrary("rocksdb"), .linkedLibrary("sqlite3"), .linkedLibrary(":liblmdb.a")]
        ),
        .executableTarget(
            name: "StorageBench",
            dependencies: ["BenchKit", "CBench", "CPeers", .product(name: "Storage", package: "iii")]
        ),
        // A link to the engine's JSON folder: the payload figure is a multiple of one pass of this very scanner.
        .target(name: "EngineJSON", path: "Sources/EngineJSON"),
        .executableTarget(
            name: "Bench",
            dependencies: [
                "BenchKit",
                "CBench",
                "EngineJSON",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]
        ),
        .executableTarget(
            name: "Relay",
            dependencies: [
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
            ]
        ),
        .executableTarget(
            name: "EchoServer",
            dependencies: [.product(name: "Hummingbird", package: "hummingbird")]
        ),
    ],
    swiftLanguageModes: [.v6]
)
