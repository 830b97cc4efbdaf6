import Glibc
import Storage

/// Reads a snapshot in a process of its own: a damaged LMDB file may kill whoever reads it (storage.md §5.12).
struct SnapshotChild {
    enum Ending: Equatable {
        /// The walk ended by itself.
        case finished
        /// What was told before is all that could be read.
        case broken(String)
    }

    /// The executable, and its arguments.
    let tool: String
    let words: [String]

    /// Tells `visit` every frame. Throws what `visit` throws, after the child has been ended.
    func run(_ visit: (ChildFrame) throws -> Void) throws -> Ending {
        let (process, descriptor) = try start()
        var reader = PipeReader(descriptor)
        var isFinished = false
        do {
            while let frame = reader.frame() {
                isFinished = isFinished || frame.kind == .end || frame.kind == .failure
                try visit(frame)
            }
        } catch {
            close(descriptor)
            kill(process, SIGKILL)
            _ = Self.wait(process)
            throw error
        }
        close(descriptor)
        let status = Self.wait(process)
        let number = status & 0x7F
        if number != 0 {
            return .broken("the process that read it was ended by signal \(number) (\(Self.name(number)))")
        }
        return isFinished ? .finished : .broken("the process that read it ended early, with status \(status >> 8)")
    }

    private func start() throws -> (pid_t, Int32) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Self.failure("pipe", errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        // What LMDB says before it gives up is not for people.
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        var arguments: [UnsafeMutablePointer<CChar>?] = ([tool] + words).map { strdup($0) }
        defer { for argument in arguments { free(argument) } }
        arguments.append(nil)
        var process: pid_t = 0
        let status = posix_spawn(&process, tool, &actions, nil, arguments, environ)
        close(ends[1])
        guard status == 0 else {
            close(ends[0])
            throw Self.failure("posix_spawn", status)
        }
        return (process, ends[0])
    }

    private static func wait(_ process: pid_t) -> Int32 {
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        return status
    }

    private static func name(_ number: Int32) -> String {
        strsignal(number).map { String(cString: $0) } ?? "unknown"
    }

    private static func failure(_ call: String, _ number: Int32) -> CommandFailure {
        let error = SystemCallError(call: call, number: number, path: "")
        return CommandFailure("no process for the snapshot: \(call)", error, remedy: "try again")
    }
}

/// Frames out of a pipe.
private struct PipeReader {
    private static let bufferBytes = 1 << 16

    private let descriptor: Int32
    private var buffer = Bytes()
    private var offset = 0

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// nil: the pipe ended, or what came is no frame.
    mutating func frame() -> ChildFrame? {
        guard let header = take(ChildFrame.headerBytes) else { return nil }
        return ChildFrame(header: header) { take($0) }
    }

    private mutating func take(_ count: Int) -> Bytes? {
        while buffer.count - offset < count {
            guard fill() else { return nil }
        }
        defer { offset += count }
        return Bytes(buffer[offset..<(offset + count)])
    }

    private mutating func fill() -> Bool {
        buffer.removeFirst(offset)
        offset = 0
        let old = buffer.count
        let place = Bytes(unsafeUninitializedCapacity: Self.bufferBytes) { place, count in
            var got = 0
            repeat { got = read(descriptor, place.baseAddress, Self.bufferBytes) } while got < 0 && errno == EINTR
            count = max(0, got)
        }
        buffer += place
        return buffer.count > old
    }
}
