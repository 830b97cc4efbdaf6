import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Where log lines go: a file descriptor, one `write` per line.
///
/// A reader that is gone or has stopped reading never stops the engine: after one bounded wait, lines are dropped and
/// counted until it reads again. The process must ignore SIGPIPE (`ignoreBrokenPipes`).
public final class LogOutput: Sendable {
    /// A line beyond this is cut.
    public static let maximumLineBytes = 256 << 10
    /// How long one line may wait for a reader before lines are dropped.
    static let stallMilliseconds: Int32 = 250
    /// A pipe that reports room takes this much without blocking (PIPE_BUF).
    private static let atomicPipeBytes = 4096

    private struct State {
        var isStalled = false
        /// A line was given up halfway: the next one must not continue it.
        var isMidLine = false
        var dropped: UInt64 = 0
    }

    private let descriptor: Int32
    /// Pipes, terminals and sockets can block; a regular file can't.
    private let canBlock: Bool
    private let state = Mutex(State())
    private let renderDropped: @Sendable (UInt64) -> [UInt8]

    /// - Parameter renderDropped: the line that tells how many were dropped before it.
    public init(descriptor: Int32, renderDropped: @escaping @Sendable (UInt64) -> [UInt8]) {
        self.descriptor = descriptor
        self.renderDropped = renderDropped
        var status = stat()
        canBlock = fstat(descriptor, &status) != 0 || status.st_mode & S_IFMT != S_IFREG
    }

    public static func ignoreBrokenPipes() {
        signal(SIGPIPE, SIG_IGN)
    }

    /// Lines dropped and not yet reported.
    var dropped: UInt64 { state.withLock { $0.dropped } }

    func write(_ line: [UInt8]) {
        state.withLock { state in
            if state.dropped > 0, send(renderDropped(state.dropped), &state) { state.dropped = 0 }
            if !send(line.count <= Self.maximumLineBytes ? line : Self.cut(line), &state) {
                state.dropped += 1
            }
        }
    }

    private static func cut(_ line: [UInt8]) -> [UInt8] {
        Array(line.prefix(maximumLineBytes - 1)) + [UInt8(ascii: "\n")]
    }

    private func send(_ line: [UInt8], _ state: inout State) -> Bool {
        let line = state.isMidLine ? [UInt8(ascii: "\n")] + line : line
        let isSent = line.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                guard !canBlock || waitForRoom(stalled: state.isStalled) else { return false }
                let piece = canBlock ? rest.prefix(Self.atomicPipeBytes) : rest
                let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: piece).baseAddress, piece.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
                state.isMidLine = !rest.isEmpty
            }
            return true
        }
        state.isStalled = !isSent
        return isSent
    }

    private func waitForRoom(stalled: Bool) -> Bool {
        var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        while true {
            let ready = poll(&request, 1, stalled ? 0 : Self.stallMilliseconds)
            if ready < 0, errno == EINTR { continue }
            return ready > 0 && request.revents & Int16(POLLOUT) != 0
        }
    }
}
