import Engine
import Storage

#if canImport(Glibc)
    import Glibc
#endif

extension SharedStore {
    /// What `engine::health` shows of it. Asks the file system for its free room, waits for no disk.
    var status: StoreStatus {
        let metrics = store.metrics
        return StoreStatus(
            disk: StoreStatus.Disk(
                path: store.recovery.path,
                lsn: metrics.lastLSN.rawValue,
                durableLSN: metrics.durableLSN.rawValue,
                checkpointLSN: metrics.checkpointLSN.rawValue,
                logBytes: metrics.logBytesOnDisk,
                snapshotBytes: UInt64(metrics.snapshotBytes),
                availableBytes: Self.availableBytes(store.recovery.path),
                syncMicroseconds: metrics.syncNanosecondsEWMA / 1000,
                isEncrypted: store.recovery.isEncrypted,
                isLowSpace: metrics.isLowSpace,
                isShortOfResources: metrics.isShortOfResources,
                resourceShortages: metrics.resourceShortages,
                isSaturated: store.isSaturated
            )
        )
    }

    /// Of the file system that holds the path, for this process; nil when it doesn't say.
    private static func availableBytes(_ path: String) -> UInt64? {
        var facts = statvfs()
        guard statvfs(path, &facts) == 0 else { return nil }
        let (bytes, overflows) = UInt64(facts.f_bavail).multipliedReportingOverflow(by: UInt64(facts.f_frsize))
        return overflows ? .max : bytes
    }
}
