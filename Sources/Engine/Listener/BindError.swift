import NIOCore

#if canImport(Glibc)
    import Glibc
#endif

/// A listener that can't be bound, in the words that operators look for (config-file.md §8).
public struct BindError: Error, CustomStringConvertible {
    public let host: String
    public let port: Int
    public let cause: any Error

    public init(host: String, port: Int, cause: any Error) {
        self.host = host
        self.port = port
        self.cause = cause
    }

    public var description: String {
        if let error = cause as? IOError, error.errnoCode == EADDRINUSE {
            return "address \(host):\(port) is already in use"
        }
        return "failed to bind to \(host):\(port): \(reason)"
    }

    private var reason: String {
        switch cause {
        case let error as IOError: error.systemText
        case SocketAddressError.unknown: "the host name can't be resolved"
        default: "\(cause)"
        }
    }
}

extension IOError {
    /// `Connection refused`, `Permission denied`: what `strerror` says.
    var systemText: String {
        strerror(errnoCode).map { String(cString: $0) } ?? "error \(errnoCode)"
    }
}
