import Glibc
import Storage

/// The reader of standard output went away: nothing is left to do, and nothing is wrong.
struct ClosedPipe: Error {}

/// Where commands print: standard output through a buffer, standard error for people.
final class Console {
    typealias Sink = (UnsafeRawBufferPointer) throws -> Void

    static let bufferBytes = 64 * 1024

    /// This tool's executable, for work in a process of its own.
    let tool: String
    private let output: Sink
    private let errors: Sink
    private let isOutputTerminal: Bool
    /// A clock that only goes forward: for how long something took.
    let nanoseconds: () -> UInt64
    private var progress: Progress
    private var buffer: [UInt8] = []

    init(
        output: @escaping Sink,
        errors: @escaping Sink,
        isOutputTerminal: Bool,
        isErrorTerminal: Bool,
        nanoseconds: @escaping () -> UInt64,
        tool: String = "/proc/self/exe"
    ) {
        self.tool = tool
        self.output = output
        self.errors = errors
        self.isOutputTerminal = isOutputTerminal
        self.nanoseconds = nanoseconds
        progress = Progress(isEnabled: isErrorTerminal, nanoseconds: nanoseconds)
        buffer.reserveCapacity(Self.bufferBytes)
    }

    /// The process's own.
    static var standard: Console {
        Console(
            output: { try writeAll($0, to: STDOUT_FILENO) },
            errors: { try? writeAll($0, to: STDERR_FILENO) },
            isOutputTerminal: isatty(STDOUT_FILENO) == 1,
            isErrorTerminal: isatty(STDERR_FILENO) == 1,
            nanoseconds: StorageClock.system.monotonicNanoseconds
        )
    }

    func write(_ text: String) throws {
        var text = text
        try text.withUTF8 { try write(UnsafeRawBufferPointer($0)) }
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        if buffer.count + bytes.count > Self.bufferBytes { try flush() }
        if bytes.count > Self.bufferBytes { return try output(bytes) }
        buffer.append(contentsOf: bytes)
        // People watch; a pipe's reader doesn't.
        if isOutputTerminal { try flush() }
    }

    func line(_ json: JSON) throws {
        var bytes = json.bytes
        bytes.append(UInt8(ascii: "\n"))
        try bytes.withUnsafeBytes { try write($0) }
    }

    /// Standard error.
    func warn(_ what: String) {
        complain("warning: \(what)")
    }

    func complain(_ line: String) {
        clearProgress()
        show(line + "\n")
    }

    /// How far a long reading is: shown after a second, on a terminal only.
    func showProgress(_ what: String, done: UInt64, of total: UInt64) {
        if let text = progress.update(what, done: done, of: total) { show(text) }
    }

    func clearProgress() {
        if let text = progress.clear() { show(text) }
    }

    /// Everything is out.
    func finish() throws {
        clearProgress()
        try flush()
    }

    private func flush() throws {
        guard !buffer.isEmpty else { return }
        if isOutputTerminal { clearProgress() }
        defer { buffer.removeAll(keepingCapacity: true) }
        try buffer.withUnsafeBytes { try output($0) }
    }

    private func show(_ text: String) {
        var text = text
        text.withUTF8 { try? errors(UnsafeRawBufferPointer($0)) }
    }

    private static func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EPIPE {
                throw ClosedPipe()
            } else if errno != EINTR {
                let reason = SystemCallError(call: "write", number: errno, path: "").reason
                throw CommandFailure(
                    "the output can't be written: \(reason)",
                    path: nil,
                    remedy: "nothing else failed",
                    status: .storageFailed
                )
            }
        }
    }
}
