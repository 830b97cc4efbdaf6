#if canImport(Glibc)
    import Glibc
#endif

/// The text of `--json`: the argument itself, `-` for standard input, `@FILE` for a file.
public enum PayloadText: Equatable, Sendable {
    case argument(String)
    case standardInput
    case file(String)

    /// More than the engine takes in one message (protocol.md §1.1).
    static let maximumBytes = 64 << 20

    public init(_ argument: String) {
        if argument == "-" {
            self = .standardInput
        } else if argument.utf8.first == UInt8(ascii: "@") {
            self = .file(String(argument.dropFirst()))
        } else {
            self = .argument(argument)
        }
    }

    /// The JSON value. Blocks until standard input ends.
    func parse() throws(TriggerPayload.Invalid) -> JSON {
        let bytes = try bytes()
        do throws(JSONError) {
            return try JSON.parse(bytes)
        } catch {
            throw TriggerPayload.Invalid("--json: invalid JSON \(source)", cause: error.description)
        }
    }

    private func bytes() throws(TriggerPayload.Invalid) -> [UInt8] {
        switch self {
        case .argument(let text): return Array(text.utf8)
        case .standardInput: return try read(STDIN_FILENO)
        case .file(let path):
            let descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw unreadable(SystemError.describe(errno)) }
            defer { close(descriptor) }
            return try read(descriptor)
        }
    }

    private func read(_ descriptor: Int32) throws(TriggerPayload.Invalid) -> [UInt8] {
        do throws(FileBytes.Failure) {
            return try FileBytes.read(descriptor, maximum: Self.maximumBytes)
        } catch {
            throw unreadable(error.reason)
        }
    }

    private func unreadable(_ reason: String) -> TriggerPayload.Invalid {
        TriggerPayload.Invalid("--json: can't read the payload \(source)", cause: reason)
    }

    /// For an error: the argument itself, but never a whole file.
    private var source: String {
        switch self {
        case .argument(let text): "`\(text)`"
        case .standardInput: "from standard input"
        case .file(let path): "in '\(path)'"
        }
    }
}
