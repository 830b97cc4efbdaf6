import Engine
import Storage

/// What a store knows of the adoption of the upstream volume in its directory.
///
/// | table | key | value |
/// |---|---|---|
/// | 64 | `upstream-volume/state` or `upstream-volume/stream` | JSON: an `AdoptionRecord` |
public struct AdoptionRecord: Sendable, Hashable {
    public enum Progress: String, Sendable {
        /// Rows of the volume may be there, not all of them: nobody may read them.
        case begun
        /// Everything is there and was compared.
        case done
        /// The store had content of its own: nothing was taken, nor will be.
        case passedOver = "passed_over"
    }

    public var progress: Progress
    /// Of the volume's files of this kind.
    public var files: Int
    public var groups: Int
    public var entries: Int
    /// Names of the workers that had the volume's path; nil in records of versions that went by names alone.
    public var owners: [String]?
    /// When it was done, begun or passed over, in milliseconds since 1970.
    public var time: Int64

    static let table = TableID(rawValue: 64)

    static func key(_ kind: ContentKind) -> Bytes { Bytes("upstream-volume/\(kind.rawValue)".utf8) }

    var encoded: Bytes {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("progress")
        writer.string(progress.rawValue)
        for (key, value) in [("files", files), ("groups", groups), ("entries", entries)] {
            writer.key(key)
            writer.integer(value)
        }
        writer.key("time")
        writer.integer(time)
        if let owners {
            writer.key("owners")
            writer.beginArray()
            for owner in owners { writer.string(owner) }
            writer.endArray()
        }
        writer.endObject()
        return Bytes(writer.bytes)
    }

    init(progress: Progress, files: Int, groups: Int, entries: Int, time: Int64, owners: [String]?) {
        self.owners = owners
        self.progress = progress
        self.files = files
        self.groups = groups
        self.entries = entries
        self.time = time
    }

    /// Nil: not such a row.
    init?(_ row: Bytes) {
        guard let json = try? JSON.parse(Array(row)), let progress = json["progress"]?.string.flatMap(Progress.init),
            let files = json["files"]?.int, let groups = json["groups"]?.int, let entries = json["entries"]?.int,
            let time = json["time"]?.int64
        else { return nil }
        self.init(progress: progress, files: files, groups: groups, entries: entries, time: time, owners: nil)
        owners = json["owners"]?.array?.compactMap(\.string)
    }
}
