import Storage

/// Up to where a store's content is certain as a whole, snapshot and log together.
struct CertaintyReport {
    var log: LogReport
    var snapshot: SnapshotCheck

    /// nil: nothing is certain as a whole.
    var last: LSN? {
        let base = snapshot.failure == nil ? snapshot.facts?.checkpoint?.lsn ?? .zero : .zero
        guard log.retainedFrom.rawValue <= base.rawValue + 1 else { return base == .zero ? nil : base }
        let gap = log.gaps.first { !$0.losesNothing && $0.lastLSN ?? LSN(rawValue: .max) > base }
        guard let gap else { return max(base, log.content.lastLSN ?? .zero) }
        let before = LSN(rawValue: max(1, gap.firstLSN?.rawValue ?? 1) - 1)
        return max(base, before)
    }

    /// Nothing to say of a sound store.
    func add(to listing: inout Listing) {
        guard ProcessStatus(log.verdict.condition) == .damage || snapshot.isDamaged else { return }
        listing.add("last certain", last.map { "LSN \($0)" } ?? "none: neither snapshot nor log is whole")
        guard !log.gaps.isEmpty, let last, log.gaps.allSatisfy({ $0.lastLSN ?? LSN(rawValue: .max) <= last }) else {
            return
        }
        listing.add("note", "the log's gaps lie before the snapshot: only history is lost")
    }
}
