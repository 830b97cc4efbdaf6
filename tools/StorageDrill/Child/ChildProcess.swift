import Glibc

/// A workload's process, seen from its parent. Ended and waited for with its owner.
struct ChildProcess: ~Copyable {
    enum Reading: Equatable {
        case event(ChildEvent)
        /// Nothing came until the deadline.
        case silence
        /// It has closed its end: it is gone.
        case end
    }

    /// How a process ended.
    enum Ending: Equatable {
        case exit(Int32)
        case signal(Int32)
    }

    private static let stepMicroseconds: UInt32 = 20

    private let process: pid_t
    private let pipe: Int32
    private var received: [UInt8] = []
    private var ending: Ending?

    /// Starts this very program again, or another.
    ///
    /// - Parameter environment: variables to set; an empty value removes one.
    init(program: String = "/proc/self/exe", arguments: [String], environment: [String: String]) throws(DrillError) {
        var ends: [Int32] = [-1, -1]
        guard Glibc.pipe(&ends) == 0 else { throw .failed("pipe", "") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[1]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        var process = pid_t()
        let words = CStrings([program] + arguments)
        let variables = CStrings(Self.environment(changedBy: environment))
        let status = posix_spawn(&process, program, &actions, nil, words.pointers, variables.pointers)
        guard status == 0 else {
            close(ends[0])
            throw DrillError("the child process could not be started (errno \(status))")
        }
        self.process = process
        pipe = ends[0]
    }

    deinit {
        if ending == nil {
            Glibc.kill(process, SIGKILL)
            var status: Int32 = 0
            while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        }
        close(pipe)
    }

    private static func environment(changedBy changes: [String: String]) -> [String] {
        var variables: [String] = []
        var next = environ
        while let text = next.pointee {
            let variable = String(cString: text)
            let name = variable.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)[0]
            if changes[String(name)] == nil { variables.append(variable) }
            next = next.advanced(by: 1)
        }
        for (name, value) in changes.sorted(by: { $0.key < $1.key }) {
            if !value.isEmpty { variables.append("\(name)=\(value)") }
        }
        return variables
    }

    func kill() {
        Glibc.kill(process, SIGKILL)
    }

    /// The next thing that it says, waiting until the deadline (`monotonicNanoseconds`).
    mutating func read(until deadline: UInt64) throws(DrillError) -> Reading {
        while received.count < ChildEvent.bytes {
            let now = monotonicNanoseconds()
            let milliseconds = deadline > now ? (deadline - now) / 1_000_000 : 0
            var wanted = pollfd(fd: pipe, events: Int16(POLLIN), revents: 0)
            let ready = poll(&wanted, 1, Int32(clamping: milliseconds))
            if ready < 0 && errno != EINTR { throw .failed("poll", "") }
            if ready > 0, !receive() { return .end }
            guard ready == 0, milliseconds == 0 else { continue }
            if now >= deadline { return .silence }
            // Less than a millisecond is left: finer steps than poll has.
            usleep(Self.stepMicroseconds)
        }
        let frame = received[..<ChildEvent.bytes]
        guard let event = ChildEvent(frame: frame) else {
            throw DrillError("the child process says what it should not")
        }
        received.removeFirst(ChildEvent.bytes)
        return .event(event)
    }

    /// Everything that it writes, up to its end; nil: it does not end in time, or writes more than `limit`.
    mutating func readText(until deadline: UInt64, limit: Int) throws(DrillError) -> String? {
        while received.count <= limit {
            let now = monotonicNanoseconds()
            guard now < deadline else { return nil }
            var wanted = pollfd(fd: pipe, events: Int16(POLLIN), revents: 0)
            let ready = poll(&wanted, 1, Int32(clamping: (deadline - now) / 1_000_000 + 1))
            if ready < 0 && errno != EINTR { throw .failed("poll", "") }
            if ready > 0, !receive() { return String(decoding: received, as: UTF8.self) }
        }
        return nil
    }

    private mutating func receive() -> Bool {
        let descriptor = pipe
        let part = [UInt8](unsafeUninitializedCapacity: 4096) { place, count in
            count = max(0, Glibc.read(descriptor, place.baseAddress, place.count))
        }
        received += part
        return !part.isEmpty
    }

    mutating func wait() -> Ending {
        if let ending { return ending }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        let signal = status & 0x7F
        let found = signal == 0 ? Ending.exit(status >> 8 & 0xFF) : .signal(signal)
        ending = found
        return found
    }
}

/// A null-terminated array of C strings.
private final class CStrings {
    let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    init(_ strings: [String]) {
        count = strings.count
        pointers = .allocate(capacity: count + 1)
        for (index, string) in strings.enumerated() { (pointers + index).initialize(to: strdup(string)) }
        (pointers + count).initialize(to: nil)
    }

    deinit {
        for index in 0..<count { free(pointers[index]) }
        pointers.deallocate()
    }
}
