import StorageDrill

/// What a drill came to, and the verdict on the disk.
struct DrillListing {
    /// Problems that are listed for people.
    static let shownProblems = 10

    var directory: String
    var seed: UInt64
    var rounds: RoundsResult
    /// nil: none were asked for.
    var images: RoundsResult?
    var truth: DiskTruth

    var isSound: Bool { rounds.isSound && images?.isSound ?? true }
    var status: ProcessStatus { !isSound ? .damage : truth.warnings.isEmpty ? .sound : .no }

    /// One word and the reasons.
    var verdict: (isTrusted: Bool, reasons: [String]) {
        let lost = rounds.lost + (images?.lost ?? 0)
        var reasons: [String] = []
        if lost > 0 { reasons.append("\(lost) acknowledged transactions were lost") }
        if !isSound, lost == 0 { reasons.append("a store was not as it must be") }
        reasons += truth.warnings.map(\.rawValue)
        guard reasons.isEmpty else { return (false, reasons) }
        return (true, ["nothing was lost, and neither the mount nor the sync rate speaks against it"])
    }

    func write(_ kept: String?, to console: Console) throws {
        var listing = Listing()
        listing.add("directory", directory)
        listing.add("kills", Self.phrase(rounds, "round", "rounds"))
        if let images { listing.add("power cuts", Self.phrase(images, "check", "checks")) }
        for row in truth.rows where row.name != "warning" { listing.add(row.name, row.value) }
        let problems = rounds.problems + (images?.problems ?? [])
        for problem in problems.prefix(Self.shownProblems) { listing.add("problem", problem) }
        if let kept { listing.add("kept", kept) }
        listing.add("seed", String(seed))
        listing.add("verdict", verdict.isTrusted ? "can be trusted" : "can NOT be trusted")
        for reason in verdict.reasons { listing.add("", reason) }
        try listing.write(to: console)
    }

    /// `20 rounds passed, 0 failed: 812 acknowledged, 9044 found in all checks, 0 lost`
    private static func phrase(_ result: RoundsResult, _ one: String, _ many: String) -> String {
        "\(Amounts.count(UInt64(result.passed), one, many)) passed, \(result.failed) failed: "
            + "\(result.acknowledged) acknowledged, \(result.found) found in all checks, \(result.lost) lost"
    }

    func json(_ kept: String?) -> JSON {
        [
            "directory": .string(directory), "seed": .number(seed), "trusted": .bool(verdict.isTrusted),
            "reasons": .array(verdict.reasons.map(JSON.string)), "kills": Self.json(rounds),
            "powerCuts": images.map(Self.json) ?? .null, "disk": disk, "kept": JSON(kept),
        ]
    }

    private var disk: JSON {
        [
            "fileSystem": .string(truth.fileSystem), "mountPoint": .string(truth.mountPoint),
            "device": .string(truth.device), "mountOptions": .array(truth.mountOptions.map(JSON.string)),
            "writeCache": JSON(truth.writeCache),
            "forcedUnitAccess": truth.hasForcedUnitAccess.map(JSON.bool) ?? .null,
            "direct": truth.direct.map(Self.json) ?? .null, "buffered": Self.json(truth.buffered),
        ]
    }

    private static func json(_ times: SyncTimes) -> JSON {
        [
            "perSecond": .number(UInt64(times.perSecond)), "p50Nanoseconds": .number(times.median),
            "p99Nanoseconds": .number(times.percentile99),
        ]
    }

    private static func json(_ result: RoundsResult) -> JSON {
        [
            "passed": .number(UInt64(result.passed)), "failed": .number(UInt64(result.failed)),
            "acknowledged": .number(result.acknowledged), "found": .number(result.found),
            "lost": .number(result.lost), "problems": .array(result.problems.map(JSON.string)),
        ]
    }
}
