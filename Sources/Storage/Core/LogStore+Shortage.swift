/// Checkpoints while the process has no descriptor or memory left: they are tried again, and what waits for them holds
/// writers back (storage.md §5.8).
extension LogStore {
    /// Warns once.
    func noteCheckpointShortage(_ error: StorageError) {
        guard error.systemCall?.isLackOfResources == true else { return }
        counters.withLock { $0.resourceShortages += 1 }
        let isNew = isCheckpointShort.withLock { isShort in
            defer { isShort = true }
            return !isShort
        }
        if isNew { warn(error.message) }
    }

    func checkpointHasResources() {
        let wasShort = isCheckpointShort.withLock { isShort in
            defer { isShort = false }
            return isShort
        }
        if wasShort { warn("checkpoints go on: there are descriptors and memory again") }
    }
}
