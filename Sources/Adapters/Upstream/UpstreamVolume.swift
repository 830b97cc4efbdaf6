/// A directory of index files that an upstream engine has written: one `file_path` of its `file_based` stores.
///
/// Nothing here writes to the directory. Stop the engine that owns it first: it replaces whole files at any time.
public struct UpstreamVolume: Sendable {
    /// Files and other names in one directory.
    public static let maximumFiles = 1 << 22

    public let path: String
    /// The index files, in byte order of their names.
    public let files: [UpstreamFile]
    /// Temporary files of saves that a crash ended: upstream never reads them, and neither does this.
    public let leftovers: [String]
    /// Everything else.
    public let unknown: [UpstreamUnknownName]

    /// Lists the directory; reads no file.
    public init(path: String) throws(UpstreamError) {
        self.path = path
        var files: [UpstreamFile] = []
        var leftovers: [String] = []
        var unknown: [UpstreamUnknownName] = []
        for name in try UpstreamFiles.list(path, limit: Self.maximumFiles) {
            switch Self.judge(name, in: path) {
            case .file(let file): files.append(file)
            case .leftover: leftovers.append(name)
            case .unknown(let reason, let mayBeIndex):
                unknown.append(UpstreamUnknownName(name: name, reason: reason, mayBeIndex: mayBeIndex))
            }
        }
        self.files = files
        self.leftovers = leftovers
        self.unknown = unknown
    }

    private enum Verdict {
        case file(UpstreamFile)
        case leftover
        case unknown(String, mayBeIndex: Bool)
    }

    private static func judge(_ name: String, in directory: String) -> Verdict {
        do throws(UpstreamError) {
            switch try UpstreamFiles.kind(directory + "/" + name) {
            case .file(let bytes): return judge(name, bytes: bytes)
            case .other(let kind): return .unknown(kind, mayBeIndex: false)
            }
        } catch {
            return .unknown(error.message, mayBeIndex: hasIndexSuffix(name))
        }
    }

    private static func judge(_ name: String, bytes: Int) -> Verdict {
        if name.utf8.reversed().starts(with: UpstreamIndexName.temporarySuffix.utf8.reversed()) { return .leftover }
        do throws(UpstreamNameError) {
            return .file(UpstreamFile(name: name, index: try UpstreamIndexName.decode(name), bytes: bytes))
        } catch {
            return .unknown("\(error)", mayBeIndex: hasIndexSuffix(name))
        }
    }

    private static func hasIndexSuffix(_ name: String) -> Bool {
        name.utf8.reversed().starts(with: UpstreamIndexName.suffix.utf8.reversed())
    }
}

public struct UpstreamFile: Sendable, Hashable {
    /// Of the file, without the directory.
    public let name: String
    /// What it stands for.
    public let index: String
    public let bytes: Int

    /// Upstream writes the file of the empty index name, `.bin`, and doesn't recognise it when it starts.
    public var isReadByUpstream: Bool { !index.isEmpty }
}

/// A name in the directory that upstream's stores don't write.
public struct UpstreamUnknownName: Sendable, Hashable, CustomStringConvertible {
    public let name: String
    public let reason: String
    /// A file that ends in `.bin`: upstream reads some such names that it would not write (`a:b.bin`).
    public var mayBeIndex = false

    public var description: String { "\(name): \(reason)" }
}
