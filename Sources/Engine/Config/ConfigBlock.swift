/// A value of a worker's configuration, traceable to its place in the file: the `config:` of an entry, or an object
/// inside it.
///
/// Also made from JSON alone (a stored configuration entry, a test); errors then name the path instead of the line.
public struct ConfigBlock: Sendable {
    /// Nil: the entry has no block (or `config: null`).
    public let json: JSON?
    let marks: SourceMarks
    let path: ConfigPath

    public init(_ json: JSON?) {
        self.init(json, marks: SourceMarks(), path: .root)
    }

    init(_ json: JSON?, marks: SourceMarks, path: ConfigPath = .root) {
        self.json = json?.isNull == true ? nil : json
        self.marks = marks
        self.path = path
    }

    public static let absent = ConfigBlock(nil)
}

/// One worker to run: an entry of the file, or a mandatory worker that the file doesn't name.
public struct WorkerEntry: Sendable {
    /// As written: `iii-http`, or its alias `http`. Error messages use it.
    public let name: String
    /// The built-in's name, e.g. `iii-http` also for `http`.
    public let type: String
    /// `iii-worker-manager`, `iii-worker-manager#1`, … in file order; the `id` of `engine::workers::*`.
    public let instanceID: String
    public let block: ConfigBlock
    /// Where the entry begins; nil for one that the engine added.
    public let mark: SourceMark?
    public let isMandatory: Bool

    public var config: JSON? { block.json }

    /// Runs a worker's own decoding of the block and names the worker in its error (config-file.md §7):
    ///
    ///     let http = try entry.decode(HTTPConfiguration.init)
    public func decode<Configuration>(
        _ decode: (ConfigBlock) throws(ConfigurationError) -> Configuration
    ) throws(ConfigurationError) -> Configuration {
        do {
            return try decode(block)
        } catch {
            throw .creating(name, error)
        }
    }
}
