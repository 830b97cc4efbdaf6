/// Where a value stands inside a worker's block: `adapter.config.file_path`, `middleware[0].phase`.
public struct ConfigPath: Hashable, Sendable {
    private let name: Name

    public static let root = ConfigPath(name: Name(""))

    public func member(_ key: String) -> ConfigPath {
        ConfigPath(name: Name(name.string.isEmpty ? key : "\(name.string).\(key)"))
    }

    public func index(_ index: Int) -> ConfigPath {
        ConfigPath(name: Name("\(name.string)[\(index)]"))
    }

    public var isRoot: Bool { name.string.isEmpty }
}

extension ConfigPath: CustomStringConvertible {
    public var description: String { name.string }
}

/// File positions of a block's members, so that an error about one names its line and column.
public struct SourceMarks: Sendable {
    /// The file's path, for error messages.
    public let file: String?
    private var keys: [ConfigPath: SourceMark] = [:]
    private var values: [ConfigPath: SourceMark] = [:]

    public init(file: String? = nil) {
        self.file = file
    }

    mutating func setKey(_ mark: SourceMark, at path: ConfigPath) { keys[path] = mark }
    mutating func setValue(_ mark: SourceMark, at path: ConfigPath) { values[path] = mark }

    /// Where the member's name stands.
    public func key(_ path: ConfigPath) -> SourceMark? { keys[path] }
    /// Where the member's value begins.
    public func value(_ path: ConfigPath) -> SourceMark? { values[path] }
}
