// swift-tools-version: 6.1
import PackageDescription

// Imports point one way: iii → Adapters → Workers → Engine, Adapters → Storage (docs/architecture.md).
// C libraries from Debian are linked statically (`:lib.a`), so that the release build is one binary.

let package = Package(
    name: "iii",
    products: [
        .executable(name: "iii", targets: ["iii"]),
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
        .target(name: "CPlatform", path: "Sources/System/CPlatform"),

        .target(name: "Storage", dependencies: ["CPlatform"]),
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
                .product(name: "OrderedCollections", package: "swift-collections"),
            ],
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
            ]
        ),
        .target(
            name: "Adapters",
            dependencies: [
                "Workers",
                "Storage",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]
        ),
        .executableTarget(
            name: "iii",
            dependencies: [
                "Adapters",
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]
        ),

        .testTarget(name: "StorageTests", dependencies: ["Storage"], path: "Tests/Unit/Storage"),
        .testTarget(
            name: "EngineTests",
            dependencies: ["Engine", .product(name: "NIOEmbedded", package: "swift-nio")],
            path: "Tests/Unit/Engine"
        ),
        .testTarget(
            name: "WorkersTests",
            dependencies: ["Workers", "Adapters", .product(name: "NIOEmbedded", package: "swift-nio")],
            path: "Tests/Unit/Workers"
        ),
    ],
    swiftLanguageModes: [.v6]
)
