import Glibc
import Testing

@testable import Adapters
@testable import Engine

/// Against a second implementation, in Python, made from the description of the format alone.
@Suite(.enabled(if: UpstreamPython.isInstalled, "needs python3"))
struct UpstreamPythonTests {
    @Test(arguments: 1...3)
    func readsWhatPythonWrites(_ seed: Int) throws {
        let directory = try UpstreamDirectory()
        let manifest = try UpstreamPython.run("make", directory.path, "--seed", "\(seed)", "--indexes", "100")
        let volume = try UpstreamVolume(path: directory.path)
        #expect(
            volume.leftovers == manifest["leftovers"]?.strings
                && volume.unknown.map(\.name) == manifest["unknown"]?.strings
        )

        var sound = JSONObject()
        var damaged = JSONObject()
        let totals = volume.readEach { reading in
            switch reading {
            case .sound(let index): sound.set(index.name, index.json)
            case .damaged(let damage): damaged.set(damage.file.name, damage.json)
            }
        }
        #expect(sound.count > 200 && damaged.count > 20)
        #expect(totals.indexes == sound.count && totals.damagedFiles == damaged.count && totals.duplicateKeys == 0)
        for (name, expected) in try #require(manifest["sound"]?.object) {
            #expect(sound[name] == expected, "\(name.debugDescription)")
        }
        for (name, expected) in try #require(manifest["damaged"]?.object) {
            #expect(damaged[name] == expected, "\(name)")
        }
        #expect(JSON.object(sound) == manifest["sound"] && JSON.object(damaged) == manifest["damaged"])
    }

    /// What is read is written again, into another directory: the same files, byte for byte; and Python reads them.
    @Test func writesWhatPythonWrites() throws {
        let source = try UpstreamDirectory()
        let target = try UpstreamDirectory()
        let manifest = try UpstreamPython.run("make", source.path, "--seed", "7", "--indexes", "100")
        let writer = UpstreamVolumeWriter(path: target.path)
        _ = try UpstreamVolume(path: source.path).readEach { reading in
            guard let index = reading.index else { return }
            let file = try writer.write(index: index.name, index.map { ($0.key, $0.value) })
            try writer.verify(file, index.map { ($0.key, $0.value) })
            #expect(try target.content(file.name) == source.content(file.name), "\(file.name)")
        }
        #expect(try UpstreamPython.run("dump", target.path)["sound"] == manifest["sound"])
    }
}

extension JSON {
    fileprivate var strings: [String]? { array?.compactMap(\.string) }
}

extension UpstreamIndex {
    fileprivate var json: JSON { .array(pairs.map { .array($0.map { .string($0) }) }) }
}

extension UpstreamDamage {
    fileprivate var json: JSON {
        [
            "code": .string(error?.code.description ?? "\(reason)"),
            "offset": JSON(error?.offset ?? -1),
            "salvaged": salvage.map { JSON($0.index.count) } ?? .null,
        ]
    }
}

/// Runs Tests/EndToEnd/support/make_upstream_volume.py.
enum UpstreamPython {
    private static let script =
        #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }
        + "/EndToEnd/support/make_upstream_volume.py"

    static let isInstalled = run(["python3", "-c", "pass"]) == 0

    /// The manifest that the command writes.
    static func run(_ command: String, _ directory: String, _ options: String...) throws -> JSON {
        let place = try UpstreamDirectory()
        let status = run(
            ["python3", "-B", script, command, directory] + options + ["--manifest", place.path + "/manifest"]
        )
        try #require(status == 0)
        return try JSON.parse(place.content("manifest"))
    }

    private static func run(_ arguments: [String]) -> Int32 {
        var pointers = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var child: pid_t = 0
        guard posix_spawnp(&child, arguments[0], nil, nil, &pointers, environ) == 0 else { return -1 }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        return status
    }
}
