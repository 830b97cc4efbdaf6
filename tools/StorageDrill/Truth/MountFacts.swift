import Glibc

/// What the kernel says of the file system and the device under a directory.
struct MountFacts: Sendable, Equatable {
    var fileSystem = "unknown"
    var mountPoint = ""
    var device = ""
    /// Of the mount and of the file system.
    var options: [String] = []
    /// "write back": the device has a cache that a flush must empty; "write through": it says that it has none.
    var writeCache: String?
    /// Whether the device can write one block durably without a flush.
    var hasForcedUnitAccess: Bool?

    init(directory: String) {
        var facts = stat()
        guard stat(directory, &facts) == 0 else { return }
        let number = Self.deviceNumber(facts.st_dev)
        if let text = DrillFiles.text("/proc/self/mountinfo") { read(mountInfo: text, number, directory) }
        // A partition has its queue in the disk's directory.
        for place in ["queue", "../queue"] {
            let queue = "/sys/dev/block/\(number)/\(place)"
            if writeCache == nil { writeCache = Self.line(queue + "/write_cache") }
            if hasForcedUnitAccess == nil { hasForcedUnitAccess = Self.line(queue + "/fua").map { $0 == "1" } }
        }
    }

    /// "major:minor", as glibc packs the two into a `dev_t`.
    static func deviceNumber(_ device: UInt) -> String {
        let major = (device >> 8 & 0xFFF) | (device >> 32 & ~0xFFF)
        let minor = (device & 0xFF) | (device >> 12 & ~0xFF)
        return "\(major):\(minor & 0xFFFF_FFFF)"
    }

    private static func line(_ path: String) -> String? {
        DrillFiles.text(path, limit: 256).map { String($0.prefix { $0 != "\n" }) }
    }

    /// Fields: id, parent, major:minor, root, mount point, options, optional fields, "-", type, source, super options. The
    /// last matching line is the one on top.
    mutating func read(mountInfo: String, _ number: String, _ directory: String) {
        let canonical = realpath(directory, nil)
        defer { free(canonical) }
        let path = canonical.map { String(cString: $0) } ?? directory
        var longest = -1
        for line in mountInfo.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            guard words.count >= 10, words[2] == number, let dash = words[6...].firstIndex(of: "-"),
                words.count > dash + 2
            else { continue }
            // The same device may be mounted in several places.
            let point = words[4]
            let holds = path == point || path.hasPrefix(point == "/" ? "/" : point + "/")
            let rank = holds ? point.utf8.count : 0
            guard rank >= longest else { continue }
            longest = rank
            mountPoint = point
            fileSystem = words[dash + 1]
            device = words[dash + 2]
            let more = words.count > dash + 3 ? words[dash + 3] : ""
            options = (words[5] + "," + more).split(separator: ",").map(String.init)
        }
    }
}
