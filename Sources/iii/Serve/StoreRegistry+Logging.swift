import Adapters
import Logging
import Storage
import Workers

/// What people should know about a store that was opened.
extension StoreRegistry {
    func open(_ configuration: DurableStoreConfiguration, for worker: String) throws -> SharedStore {
        let settings = try StoreSettings(configuration)
        let shared = try open(configuration.path, settings: settings, for: worker)
        let logger = Logger(label: "iii::storage")
        let report = shared.store.recovery
        logger.info("store opened", metadata: report.logMetadata.merging(["worker": "\(worker)"]) { $1 })
        for warning in report.warnings { logger.warning("\(warning)") }
        if report.condition == .tornTail {
            logger.warning(
                "the log's last write was torn by the crash and set aside; it had not been acknowledged",
                metadata: [
                    "store.path": "\(report.path)", "bytes": .stringConvertible(report.quarantinedBytes),
                    "files": "\(report.quarantinedFiles.joined(separator: ", "))",
                    "recovery.row": "\(report.row.rawValue)",
                ]
            )
        }
        return shared
    }
}

extension RecoveryReport {
    /// Tests and people's scripts read these names (docs/operations.md).
    fileprivate var logMetadata: Logger.Metadata {
        var metadata: Logger.Metadata = [
            "store.path": "\(path)",
            "store.bytes": .stringConvertible(bytesOnDisk),
            "store.mode": isDirectIO ? "direct" : "buffered",
            "store.encrypted": isEncrypted ? "yes" : "no",
            "store.condition": "\(condition.rawValue)",
            "recovered.lsn": .stringConvertible(recoveredLSN.rawValue),
            "checkpoint.lsn": .stringConvertible(checkpointLSN.rawValue),
            "replayed.records": .stringConvertible(recordsReplayed),
            "recovery.milliseconds": .stringConvertible(durationNanoseconds / 1_000_000),
        ]
        if quarantinedBytes > 0 { metadata["quarantined.bytes"] = .stringConvertible(quarantinedBytes) }
        return metadata
    }
}
