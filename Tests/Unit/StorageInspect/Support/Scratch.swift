import Glibc

@testable import Storage

/// A store's directory that goes away with the test.
final class Scratch {
    let path: String

    init() throws {
        var template = Array("/tmp/inspect-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw StorageError(.inputOutput, "no scratch directory") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// With the sample log in it.
    convenience init(_ log: LogFixture) throws {
        try self.init()
        try log.write(to: path)
    }

    deinit {
        Self.remove(path)
    }

    func segment(_ number: UInt64) -> String {
        LogDirectory(root: path).segment(SegmentNumber(rawValue: number))
    }

    func change(_ file: String, _ body: (inout [UInt8]) -> Void) throws {
        var bytes = try PosixIO().readFile(file, limit: 1 << 20)
        body(&bytes)
        try PosixIO().replaceFile(file, in: path, with: bytes)
    }

    /// Names, sizes and times of everything: to see that nothing was touched.
    func fingerprint(_ directory: String? = nil) throws -> [String] {
        let directory = directory ?? path
        var lines: [String] = []
        for name in try PosixIO().list(directory).sorted() {
            var facts = stat()
            // LMDB's own: notes who reads.
            if name == "lock.mdb" { continue }
            guard lstat("\(directory)/\(name)", &facts) == 0 else { continue }
            lines.append(
                "\(directory)/\(name) \(facts.st_ino) \(facts.st_size) \(facts.st_mtim.tv_sec).\(facts.st_mtim.tv_nsec)"
            )
            if facts.st_mode & S_IFMT == S_IFDIR { lines += try fingerprint("\(directory)/\(name)") }
        }
        return lines
    }

    private static func remove(_ path: String) {
        chmod(path, 0o700)
        for name in (try? PosixIO().list(path)) ?? [] {
            if unlink("\(path)/\(name)") != 0 { remove("\(path)/\(name)") }
        }
        rmdir(path)
    }
}
