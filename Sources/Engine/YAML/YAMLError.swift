/// Why a YAML text was refused, and where.
public struct YAMLError: Error, Equatable, Sendable {
    public let reason: String
    public let mark: SourceMark

    public init(_ reason: String, at mark: SourceMark) {
        self.reason = reason
        self.mark = mark
    }
}

extension YAMLError: CustomStringConvertible {
    public var description: String { "\(reason) at \(mark)" }
}
