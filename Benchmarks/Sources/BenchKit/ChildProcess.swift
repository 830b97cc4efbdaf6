import CBench
import Glibc

/// A process this run started. It is ended by its id, at the latest when the object goes.
package final class ChildProcess {
    private static let stopDeadlineMilliseconds = 10_000

    package let pid: pid_t
    package let name: String
    private let logPath: String
    private var hasEnded = false

    /// Starts `path` with standard output and error going to `logPath`.
    package init(_ path: String, _ arguments: [String], logPath: String, environment: [String: String] = [:]) throws {
        name = String(path.split(separator: "/").last ?? "child")
        self.logPath = logPath
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, logPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var pid = pid_t()
        let status = Self.withCStrings([path] + arguments) { argv in
            Self.withCStrings(Self.environmentStrings(adding: environment)) { envp in
                posix_spawnp(&pid, path, &actions, nil, argv, envp)
            }
        }
        guard status == 0 else { throw BenchError("can't start \(path): \(String(cString: strerror(status)))") }
        self.pid = pid
    }

    deinit { stop() }

    /// User and system time of all its threads.
    package func cpuNanoseconds() throws -> Int {
        let used = cbench_process_cpu_nanoseconds(pid)
        guard used >= 0 else { throw gone() }
        return Int(used)
    }

    /// A field of /proc/PID/status in KiB, `VmRSS` say.
    package func statusKiB(_ field: String) throws -> Int {
        let prefix = field + ":"
        for line in try readFile("/proc/\(pid)/status").split(separator: "\n") where line.hasPrefix(prefix) {
            let fields = line.dropFirst(prefix.count).split(whereSeparator: \.isWhitespace)
            if let value = fields.first.flatMap({ Int($0) }) { return value }
        }
        throw gone()
    }

    package var isRunning: Bool {
        guard !hasEnded else { return false }
        var status: Int32 = 0
        hasEnded = waitpid(pid, &status, WNOHANG) == pid
        return !hasEnded
    }

    /// Waits for the end of a command and returns what it printed.
    ///
    /// - Parameter signal: the command is expected to end by this signal; 0: by itself, with status 0.
    package func output(endedBy signal: Int32 = 0) throws -> String {
        var status: Int32 = 0
        while !hasEnded, waitpid(pid, &status, 0) != pid { if errno != EINTR { break } }
        hasEnded = true
        let text = try readFile(logPath)
        // The status of a process that a signal ended is the signal's number.
        guard status == signal else { throw BenchError("\(name) failed (wait status \(status)): \(text.suffix(2000))") }
        return text
    }

    /// SIGTERM, then SIGKILL when the deadline has passed.
    package func stop() {
        guard isRunning else { return }
        kill(pid, SIGTERM)
        for _ in 0..<(Self.stopDeadlineMilliseconds / 10) {
            guard isRunning else { return }
            sleep(milliseconds: 10)
        }
        kill(pid, SIGKILL)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        hasEnded = true
    }

    /// Why it isn't there, with the end of its log.
    package func gone() -> BenchError {
        BenchError("\(name) (pid \(pid)) isn't running; its log ends: \(((try? readFile(logPath)) ?? "").suffix(2000))")
    }

    private static func environmentStrings(adding added: [String: String]) -> [String] {
        var result: [String] = []
        var entry = environ
        while let text = entry.pointee {
            result.append(String(cString: text))
            entry += 1
        }
        return result + added.map { "\($0.key)=\($0.value)" }
    }

    private static func withCStrings<Result>(
        _ strings: [String],
        _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let copies = strings.map { strdup($0) }
        defer { copies.forEach { free($0) } }
        return body(copies + [nil])
    }
}

extension Substring {
    /// Without blanks around it.
    package var trimmed: Substring {
        var rest = self
        while let first = rest.first, first.isWhitespace { rest.removeFirst() }
        while let last = rest.last, last.isWhitespace { rest.removeLast() }
        return rest
    }
}
