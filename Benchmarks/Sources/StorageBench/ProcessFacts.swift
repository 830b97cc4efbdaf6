import BenchKit
import Glibc

/// What the kernel knows of this process.
enum ProcessFacts {
    struct Memory {
        var residentKiB = 0
        var anonymousKiB = 0
        var fileKiB = 0
    }

    static func memory() throws -> Memory {
        let status = try readFile("/proc/self/status")
        return Memory(
            residentKiB: field("VmRSS:", status),
            anonymousKiB: field("RssAnon:", status),
            fileKiB: field("RssFile:", status)
        )
    }

    /// Bytes that this process caused to be written to storage, page-cache writes included.
    static func writtenBytes() throws -> Int {
        field("write_bytes:", try readFile("/proc/self/io"))
    }

    /// The same by the name of the thread, of those that still run.
    static func writtenBytesByThread() throws -> [(thread: String, bytes: Int)] {
        guard let folder = opendir("/proc/self/task") else { throw BenchError("can't list this process's threads") }
        defer { closedir(folder) }
        var sums: [String: Int] = [:]
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard !name.hasPrefix("."), let facts = try? readFile("/proc/self/task/\(name)/io") else { continue }
            let thread = try readFile("/proc/self/task/\(name)/comm").split(separator: "\n").first ?? ""
            sums[String(thread), default: 0] += field("write_bytes:", facts)
        }
        return sums.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// Bytes written to the block device that holds a path, by everybody; nil if it has no statistics.
    static func deviceBytes(_ path: String) -> Int? {
        var facts = stat()
        guard stat(path, &facts) == 0 else { return nil }
        let major = (facts.st_dev >> 8) & 0xFFF
        let minor = facts.st_dev & 0xFF | (facts.st_dev >> 12) & 0xFFF00
        guard let text = try? readFile("/sys/dev/block/\(major):\(minor)/stat") else { return nil }
        let fields = text.split(whereSeparator: \.isWhitespace)
        // The seventh field: sectors of 512 bytes written.
        return fields.count > 6 ? Int(fields[6]).map { $0 * 512 } : nil
    }

    private static func field(_ name: String, _ text: String) -> Int {
        for line in text.split(separator: "\n") where line.hasPrefix(name) {
            let fields = line.dropFirst(name.count).split(whereSeparator: \.isWhitespace)
            return fields.first.flatMap { Int($0) } ?? 0
        }
        return 0
    }
}
