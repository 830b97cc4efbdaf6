import CBench
import Glibc

package func readFile(_ path: String) throws -> String {
    guard let file = fopen(path, "r") else { throw BenchError("can't read \(path): errno \(errno)") }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
    return String(decoding: bytes, as: UTF8.self)
}

package func writeFile(_ path: String, _ text: String) throws {
    guard let file = fopen(path, "w") else { throw BenchError("can't write \(path): errno \(errno)") }
    fputs(text, file)
    guard fclose(file) == 0 else { throw BenchError("can't write \(path): errno \(errno)") }
}

/// Progress and errors; standard output is the table's.
package func printToStandardError(_ text: String) {
    let line = Array((text + "\n").utf8)
    _ = write(STDERR_FILENO, line, line.count)
}

/// A folder and everything in it.
package enum Folder {
    /// Makes it and its parents; what is there stays.
    package static func make(_ path: String) throws {
        var made = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            made += "/\(part)"
            guard mkdir(made, 0o700) == 0 || errno == EEXIST else {
                throw BenchError("can't make \(made): errno \(errno)")
            }
        }
    }

    package static func remove(_ path: String) throws {
        let status = cbench_remove_tree(path)
        guard status == 0 else { throw BenchError("can't remove \(path): errno \(status)") }
    }

    package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// What its files take of the disk: allocated blocks, not lengths.
    package static func allocatedBytes(_ path: String) -> Int { Int(cbench_tree_bytes(path)) }
}
