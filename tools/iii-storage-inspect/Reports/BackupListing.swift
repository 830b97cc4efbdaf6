import Storage

/// What a backup, or the check of one, came to.
struct BackupListing {
    var report: BackupReport
    var nanoseconds: UInt64

    func print(_ verdict: String, _ isJSON: Bool, _ console: Console) throws {
        guard !isJSON else {
            return try console.line([
                "path": .string(report.path), "through": .number(report.through.rawValue),
                "files": .number(UInt64(report.files)), "bytes": .number(report.bytes), "verified": true,
                "nanoseconds": .number(nanoseconds),
            ])
        }
        var listing = Listing()
        listing.add("backup", report.path)
        listing.add("holds", "everything up to LSN \(report.through)")
        listing.add("files", "\(report.files), \(Amounts.bytes(report.bytes))")
        listing.add("verified", verdict)
        listing.add("took", Amounts.duration(nanoseconds))
        try listing.write(to: console)
    }
}
