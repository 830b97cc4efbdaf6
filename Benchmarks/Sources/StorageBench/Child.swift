import BenchKit
import Glibc

/// Parts of figures that need a process of their own: to be killed, to have their memory or their writes counted.
///
/// The process is this very program with `--child ROLE ARGUMENT…`; it prints lines of `name number` for its parent.
enum Child {
    static let flag = "--child"

    enum Role: String {
        /// FOLDER BYTES: updates until the log has grown by so much, then ends itself by SIGKILL.
        case fillLog = "fill-log"
        /// FOLDER: opens a store, reads one row, closes it.
        case open
        /// FOLDER SIDE OPERATIONS: so many durable updates; counts the bytes that the process writes.
        case updates
        /// FOLDER LANES OPERATIONS: counts heap allocations.
        case allocations
        /// FOLDER ROWS SECONDS: random updates; samples resident memory.
        case soak
        /// FOLDER LANES DRIVE SECONDS: nothing but updates, for a profiler.
        case load
    }

    static func run(_ arguments: [String]) throws {
        guard let name = arguments.first, let role = Role(rawValue: name) else {
            throw BenchError("no such child: \(arguments)")
        }
        let rest = Array(arguments.dropFirst())
        switch role {
        case .fillLog: try fillLog(rest)
        case .open: try open(rest)
        case .updates: try updates(rest)
        case .allocations: try allocations(rest)
        case .soak: try soak(rest)
        case .load: try load(rest)
        }
    }

    /// Tells the parent a number.
    static func tell(_ name: String, _ value: Double) {
        print("\(name) \(value)")
    }

    static func tell(_ name: String, _ value: Int) {
        print("\(name) \(value)")
    }

    static func argument(_ arguments: [String], _ index: Int) throws -> String {
        guard index < arguments.count else { throw BenchError("a child needs more arguments: \(arguments)") }
        return arguments[index]
    }

    static func number(_ arguments: [String], _ index: Int) throws -> Int {
        let text = try argument(arguments, index)
        guard let number = Int(text) else { throw BenchError("\(text) is no number") }
        return number
    }
}

extension StorageBench {
    /// The folder of this program, where the allocation counter lies as well.
    static var programPath: String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        return String(decoding: buffer[..<max(0, count)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Runs a child to its end.
    ///
    /// - Parameter signal: how it ends; 0: by itself.
    func child(
        _ role: Child.Role,
        _ arguments: [String],
        environment: [String: String] = [:],
        endedBy signal: Int32 = 0
    ) throws -> [String: Double] {
        let process = try ChildProcess(
            Self.programPath,
            [Child.flag, role.rawValue] + arguments,
            logPath: path("child.log"),
            environment: environment
        )
        var values: [String: Double] = [:]
        for line in try process.output(endedBy: signal).split(separator: "\n") {
            let fields = line.split(separator: " ")
            if fields.count == 2, let value = Double(fields[1]) {
                values[String(fields[0])] = value
            } else {
                log("child \(role.rawValue): \(line)")
            }
        }
        return values
    }

    /// A number that a child must have told.
    func told(_ values: [String: Double], _ name: String) throws -> Double {
        guard let value = values[name] else { throw BenchError("the child didn't tell \(name): \(values)") }
        return value
    }
}
