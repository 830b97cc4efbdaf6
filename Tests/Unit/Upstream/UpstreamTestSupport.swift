import Glibc
import Testing

@testable import Adapters
@testable import Engine

/// SplitMix64: small, seedable, the same everywhere.
struct UpstreamRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func pick<Value>(_ values: [Value]) -> Value { values[Int.random(in: 0..<values.count, using: &self)] }

    mutating func text(upTo count: Int = 12) -> String {
        let characters: [Unicode.Scalar] = [
            "a", "Z", "0", " ", "\"", "\\", "/", "\0", "\u{1F}", "\n", "\u{7F}", "\u{80}", "é", "\u{301}", "字", "😀",
        ]
        var text = ""
        for _ in 0..<Int.random(in: 0...count, using: &self) { text.unicodeScalars.append(pick(characters)) }
        return text
    }
}

extension [UInt8] {
    init(_ text: String) { self = Array(text.utf8) }
    var text: String { String(decoding: self, as: UTF8.self) }
}

extension ArraySlice<UInt8> {
    var text: String { String(decoding: self, as: UTF8.self) }
}

extension UpstreamArchive {
    static func file(_ text: String) throws -> [UInt8] { try encode(Array(text.utf8)) }
}

extension UpstreamReading {
    static func of(_ file: [UInt8]) -> UpstreamReading {
        UpstreamVolume.decode(file, of: UpstreamFile(name: "x.bin", index: "x", bytes: file.count))
    }

    var index: UpstreamIndex? { if case .sound(let index) = self { index } else { nil } }
    var damage: UpstreamDamage? { if case .damaged(let damage) = self { damage } else { nil } }
}

extension UpstreamDamage {
    var error: UpstreamArchiveError? { if case .content(let error) = reason { error } else { nil } }
}

extension UpstreamIndex {
    /// `key=value` per entry.
    var lines: [String] { map { "\($0.key)=\($0.value.text)" } }
    var pairs: [[String]] { map { [$0.key, $0.value.text] } }
}

/// A directory of its own, removed with its files at the end.
final class UpstreamDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/iii-upstream-XXXXXX".utf8CString)
        path = String(cString: try #require(mkdtemp(&template)))
    }

    deinit {
        for name in names { _ = remove(path + "/" + name) }
        rmdir(path)
    }

    var names: [String] { (try? UpstreamFiles.list(path, limit: 1 << 20)) ?? [] }

    func put(_ name: String, _ bytes: [UInt8]) throws {
        let file = try #require(fopen(path + "/" + name, "w"))
        defer { fclose(file) }
        #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
    }

    func content(_ name: String) throws -> [UInt8] {
        try #require(try UpstreamFiles.read(path + "/" + name, limit: 1 << 30))
    }
}
