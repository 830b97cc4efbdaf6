import Storage

/// What a restore came to.
struct RestoreListing {
    var report: BackupReport
    var backup: String
    /// In all tables.
    var rows: UInt64
    var nanoseconds: UInt64

    var listing: Listing {
        var listing = Listing()
        listing.add("store", report.path)
        listing.add("from", backup)
        listing.add("reached", "LSN \(report.through)")
        listing.add("rows", "\(rows), each read")
        listing.add("copied", "\(Amounts.count(UInt64(report.files), "file", "files")), \(Amounts.bytes(report.bytes))")
        listing.add("took", Amounts.duration(nanoseconds))
        return listing
    }

    var json: JSON {
        [
            "path": .string(report.path), "backup": .string(backup), "reached": .number(report.through.rawValue),
            "rows": .number(rows), "files": .number(UInt64(report.files)), "bytes": .number(report.bytes),
            "nanoseconds": .number(nanoseconds),
        ]
    }
}
