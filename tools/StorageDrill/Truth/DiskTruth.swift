/// What a directory's disk is worth for a durable log: its true sync rate, and whether its confirmations can be believed.
///
/// Nothing above a device can prove that it tells the truth; these are the signs that can be seen from here.
public struct DiskTruth: Sendable, Equatable {
    /// No device with a cache that survives power cuts by being written is faster: then something answers for it.
    public static let suspiciousNanoseconds: UInt64 = 20_000

    public enum Warning: String, Sendable, CaseIterable {
        case inMemory = "the file system lives in memory: a restart of the machine loses everything"
        case overlay = "an overlay, as of a container without a volume: the data goes with the container"
        case network = "a network or user-space file system: durability is only what its server gives"
        case noBarrier = "mounted without barriers: the device's cache is not emptied by a sync"
        case writebackData = "mounted with data=writeback: after a power cut files may contain old blocks of others"
        case relaxedSync = "mounted so that syncs may do nothing (eatmydata, nosync, volatile or async)"
        case tooFast = "a sync takes less than 20 microseconds: something confirms before it is durable"
        case unsafeCache =
            "the device says that its cache writes through, and yet a sync is too fast to have reached it"
    }

    /// `O_DIRECT|O_DSYNC` writes of 4 KiB; nil: not possible here.
    public var direct: SyncTimes?
    /// `pwrite` of 4 KiB and `fdatasync`.
    public var buffered: SyncTimes
    public var fileSystem: String
    public var mountPoint: String
    public var device: String
    public var mountOptions: [String]
    public var writeCache: String?
    public var hasForcedUnitAccess: Bool?
    public var warnings: [Warning]

    /// Writes a file of 4 MiB there, for `seconds` per pattern, and removes it. Creates the directory if it is missing.
    public static func measure(directory: String, seconds: Double = 2) throws(DrillError) -> DiskTruth {
        try DrillFiles.createDirectories(directory)
        let probe = try SyncProbe(directory: directory)
        let direct = try probe.direct(seconds: seconds)
        let buffered = try probe.buffered(seconds: seconds)
        return DiskTruth(direct: direct, buffered: buffered, facts: MountFacts(directory: directory))
    }

    init(direct: SyncTimes?, buffered: SyncTimes, facts: MountFacts) {
        self.direct = direct
        self.buffered = buffered
        fileSystem = facts.fileSystem
        mountPoint = facts.mountPoint
        device = facts.device
        mountOptions = facts.options
        writeCache = facts.writeCache
        hasForcedUnitAccess = facts.hasForcedUnitAccess
        warnings = Self.judge(fastest: min(direct?.median ?? .max, buffered.median), facts)
    }

    static func judge(fastest: UInt64, _ facts: MountFacts) -> [Warning] {
        var warnings: [Warning] = []
        let isInMemory = ["tmpfs", "ramfs"].contains(facts.fileSystem)
        if isInMemory { warnings.append(.inMemory) }
        if facts.fileSystem == "overlay" { warnings.append(.overlay) }
        let remote = ["nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "ceph", "glusterfs"]
        if remote.contains(facts.fileSystem) || facts.fileSystem.hasPrefix("fuse") { warnings.append(.network) }
        let options = Set(facts.options)
        if !options.isDisjoint(with: ["nobarrier", "barrier=0"]) { warnings.append(.noBarrier) }
        if options.contains("data=writeback") { warnings.append(.writebackData) }
        if !options.isDisjoint(with: ["async", "volatile", "nosync", "eatmydata"]) { warnings.append(.relaxedSync) }
        if fastest < suspiciousNanoseconds && !isInMemory {
            warnings.append(facts.writeCache == "write through" ? .unsafeCache : .tooFast)
        }
        return warnings
    }

    /// All facts as names and values, for a table or for JSON.
    public var rows: [(name: String, value: String)] {
        var rows = [
            ("file system", fileSystem), ("mount point", mountPoint), ("device", device),
            ("mount options", mountOptions.joined(separator: ",")),
            ("device write cache", writeCache ?? "not told"),
            ("device forced unit access", hasForcedUnitAccess.map { $0 ? "yes" : "no" } ?? "not told"),
        ]
        rows += Self.rows("direct 4 KiB", direct) + Self.rows("fdatasync 4 KiB", buffered)
        rows += warnings.map { ("warning", $0.rawValue) }
        return rows.map { (name: $0.0, value: $0.1) }
    }

    private static func rows(_ name: String, _ times: SyncTimes?) -> [(String, String)] {
        guard let times else { return [(name, "not possible here")] }
        return [
            ("\(name) per second", "\(Int(times.perSecond))"), ("\(name) p50 us", "\(times.median / 1_000)"),
            ("\(name) p99 us", "\(times.percentile99 / 1_000)"),
        ]
    }
}
