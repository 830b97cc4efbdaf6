import CPlatform
import Glibc

@testable import Storage

/// A store, or a backup, as a released version left it: a directory under `Golden/` and what it holds.
///
/// `CONTENT` is its manifest, one fact a line:
///
///     key 00…           the keys that open it, the current one first; `key none`: written without one
///     through 120       the last position
///     retained 1        the first position that the log still holds
///     file 32768 wal/00000000000000000001.wal
///     row 1 6b6579 300 1a2b3c4d
///
/// A file's length is that of the original: the zeros at its end are not stored. A row is its table, key, length and
/// CRC32C.
struct GoldenStore: Equatable {
    struct File: Equatable {
        var path: String
        var bytes: Int
    }

    struct Row: Hashable, Comparable {
        var table: UInt16
        var key: String
        var bytes: Int
        var checksum: UInt32

        init(_ table: UInt16, _ key: Bytes, _ value: Bytes) {
            self.table = table
            self.key = key.map { hexadecimal($0) }.joined()
            bytes = value.count
            checksum = value.withUnsafeBytes { crc32c($0) }
        }

        static func < (left: Row, right: Row) -> Bool { (left.table, left.key) < (right.table, right.key) }
    }

    static let directory = String(#filePath.dropLast("StorageTesting/GoldenStore.swift".utf8.count)) + "Storage/Golden/"
    private static let manifest = "CONTENT"
    private static let maximumBytes = 1 << 20

    var keys: [String?] = []
    var through: UInt64 = 0
    var retained: UInt64 = 0
    var files: [File] = []
    var rows: [Row] = []

    /// The keys in another order, for a rotation that goes on or is given up.
    func encryption(from first: Int = 0) throws -> EncryptionKeys {
        let all = try keys.map { text in try text.map { try EncryptionKey(text: $0) } }
        return EncryptionKeys(
            current: all[first],
            previous: all.indices.filter { $0 != first }.compactMap { all[$0] }
        )
    }

    var text: String {
        var lines = keys.map { "key \($0 ?? "none")" } + ["through \(through)", "retained \(retained)"]
        lines += files.map { "file \($0.bytes) \($0.path)" }
        lines += rows.map { "row \($0.table) \($0.key) \($0.bytes) \(hexadecimal($0.checksum))" }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension GoldenStore {
    init(_ name: String) throws {
        let bytes = try PosixIO().readFile(Self.directory + name + "/" + Self.manifest, limit: Self.maximumBytes)
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            switch words[0] {
            case "key": keys.append(words[1] == "none" ? nil : words[1])
            case "through": through = UInt64(words[1])!
            case "retained": retained = UInt64(words[1])!
            case "file": files.append(File(path: words[2], bytes: Int(words[1])!))
            default: rows.append(Row(words))
            }
        }
    }

    /// Puts its files into `path`, as long as they were.
    func unpack(_ name: String, to path: String) throws {
        let io = PosixIO()
        for folder in ["", "/wal", "/snapshot"] { try io.createDirectory(path + folder) }
        for file in files {
            var bytes = try io.readFile(Self.directory + name + "/" + file.path, limit: Self.maximumBytes)
            bytes += [UInt8](repeating: 0, count: file.bytes - bytes.count)
            let target = path + "/" + file.path
            try io.replaceFile(target, in: parentDirectory(of: target), with: bytes)
        }
    }

    /// Copies the store at `path` to `Golden/<name>`, with its manifest.
    mutating func pack(_ path: String, as name: String) throws {
        let io = PosixIO()
        let target = Self.directory + name
        for folder in ["", "/wal", "/snapshot"] { try io.createDirectory(target + folder) }
        for folder in ["", "wal/", "snapshot/"] {
            for file in try io.list(path + "/" + folder).sorted() where Self.isKept(file) {
                var bytes = try io.readFile(path + "/" + folder + file, limit: Self.maximumBytes)
                files.append(File(path: folder + file, bytes: bytes.count))
                bytes.removeLast(bytes.count - (bytes.lastIndex { $0 != 0 } ?? -1) - 1)
                let copy = target + "/" + folder + file
                try io.replaceFile(copy, in: parentDirectory(of: copy), with: bytes)
            }
        }
        try io.replaceFile(target + "/" + Self.manifest, in: target, with: [UInt8](text.utf8))
    }

    /// Locks and prepared files are made again by every opening.
    private static func isKept(_ name: String) -> Bool {
        ["FORMAT", "MANIFEST", "data.mdb"].contains(name) || LogDirectory.segmentNumber(ofName: name) != nil
    }
}

extension GoldenStore.Row {
    fileprivate init(_ words: [String]) {
        table = UInt16(words[1])!
        key = words.count == 5 ? words[2] : ""
        bytes = Int(words[words.count - 2])!
        checksum = UInt32(words[words.count - 1], radix: 16)!
    }
}
