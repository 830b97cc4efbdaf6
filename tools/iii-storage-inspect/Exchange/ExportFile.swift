import Glibc
import Storage

/// A file that gets its name when it is complete and on the device.
final class ExportFile {
    private static let bufferBytes = 1 << 16

    private let path: String
    private let partial: String
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var isNamed = false

    init(_ path: String) throws {
        self.path = path
        partial = path + ".partial"
        // Never over something: it may be another export at work, or no export at all.
        descriptor = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            guard errno == EEXIST else { throw Self.failure("open", errno, partial) }
            throw CommandFailure(
                "something is there already",
                path: partial,
                remedy: "wait for the export that writes it, or remove what an interrupted one left"
            )
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        buffer.append(contentsOf: bytes)
        if buffer.count >= Self.bufferBytes { try flush() }
    }

    func finish() throws {
        try flush()
        guard fsync(descriptor) == 0 else { throw Self.failure("fsync", errno, partial) }
        guard rename(partial, path) == 0 else { throw Self.failure("rename", errno, path) }
        close(descriptor)
        isNamed = true
        let parent = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let directory = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw Self.failure("open", errno, parent) }
        defer { close(directory) }
        guard fsync(directory) == 0 else { throw Self.failure("fsync", errno, parent) }
    }

    func discard() {
        guard !isNamed else {
            unlink(path)
            return
        }
        close(descriptor)
        unlink(partial)
    }

    private func flush() throws {
        var done = 0
        while done < buffer.count {
            let count = buffer.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + done, $0.count - done) }
            guard count > 0 || errno == EINTR else { throw Self.failure("write", errno, partial) }
            done += max(0, count)
        }
        buffer.removeAll(keepingCapacity: true)
    }

    private static func failure(_ call: String, _ number: Int32, _ path: String) -> CommandFailure {
        let reason = SystemCallError(call: call, number: number, path: path).reason
        return CommandFailure("the export can't be written: \(reason)", path: path, remedy: "nothing was left behind")
    }
}
