import Adapters
import Logging
import Storage

extension SharedStore {
    /// Takes the upstream volume in the store's directory into it, if there is one and nothing was taken yet, and says in
    /// the log what came of it (docs/operations.md, "Moving from upstream"). Blocks until it is on disk and compared.
    ///
    /// - Parameter owners: all workers that have the store's path.
    func adoptUpstreamVolume(_ kind: ContentKind, owners: UpstreamOwners, for worker: String) throws {
        var log = AdoptionLog(path: store.recovery.path, worker: worker)
        let outcome = try UpstreamAdoption(store: store, kind: kind, owners: owners).run { event in
            guard !Process.hasSignalPending else { throw AdoptionStopped() }
            log.note(event)
        }
        log.note(outcome)
    }
}

/// A signal came while the engine had served nobody yet.
struct AdoptionStopped: Error, CustomStringConvertible {
    let description =
        "a signal ended the adoption of the upstream volume; the next start removes what was taken and starts over"
}

/// One adoption's lines. Tests and people's scripts read the names (docs/operations.md).
private struct AdoptionLog {
    /// Between two lines of progress: this much, or a twentieth of the volume.
    private static let progressBytes = 64 << 20
    private static let progressSteps = 20

    private let logger = Logger(label: "iii::upstream")
    private let path: String
    private let worker: String
    private let start = ContinuousClock.now
    private var phase: UpstreamAdoption.Phase?
    private var logged = 0

    init(path: String, worker: String) {
        self.path = path
        self.worker = worker
    }

    mutating func note(_ event: UpstreamAdoption.Event) {
        switch event {
        case .undoing(let record):
            write(.warning, "adoption of an upstream volume was cut short; it starts over", record.logMetadata)
        case .started(let files, let bytes):
            let metadata: Logger.Metadata = ["files": "\(files)", "bytes": "\(bytes)"]
            write(.info, "adopting an upstream volume", metadata)
        case .progress(let phase, let done, let total):
            noteProgress(phase, done, total)
        }
    }

    private mutating func noteProgress(_ phase: UpstreamAdoption.Phase, _ done: Int, _ total: Int) {
        if self.phase != phase {
            self.phase = phase
            logged = 0
        }
        guard done - logged >= max(Self.progressBytes, total / Self.progressSteps) else { return }
        logged = done
        write(
            .info,
            "adopting an upstream volume",
            ["phase": "\(phase.rawValue)", "done.bytes": "\(done)", "bytes": "\(total)"]
        )
    }

    func note(_ outcome: UpstreamAdoption.Outcome) {
        switch outcome {
        case .noVolume: break
        case .volumeGone(let record):
            let text = "the upstream volume of an adoption that was cut short is gone; the store starts without it"
            write(.warning, text, record.logMetadata)
        case .doneBefore(let record):
            write(.debug, "the upstream volume was adopted at an earlier start", record.logMetadata)
        case .notEmpty(let files):
            write(
                .warning,
                "the store has content of its own: the upstream files beside it are not imported. "
                    + "iii-storage-inspect import-upstream takes them into another store; else move them away",
                ["files": "\(files)"]
            )
        case .takenAsScopes(let files):
            write(
                .warning,
                "the upstream files of streams were imported as scopes of state at an earlier start, when no stream worker "
                    + "had this path: not imported again. iii-storage-inspect import-upstream takes them into another store",
                ["files": "\(files)"]
            )
        case .adopted(let record, let result, let volume): note(record, result, volume)
        }
    }

    private func note(_ record: AdoptionRecord, _ result: UpstreamImportResult, _ volume: UpstreamVolume) {
        let took = (ContinuousClock.now - start) / .milliseconds(1)
        let facts: Logger.Metadata = [
            "bytes": "\(result.fileBytes)", "equal_keys": "\(result.duplicateKeys)",
            "not_imported": "\(result.otherCount)", "took.milliseconds": "\(Int(took))",
        ]
        let text = "upstream volume adopted: every entry was compared, the files are no longer needed and not changed"
        write(.info, text, record.logMetadata.merging(facts) { $1 })
        noteRemarks(on: result)
        noteIgnored(volume)
    }

    private func noteRemarks(on result: UpstreamImportResult) {
        let equalKeys = "equal keys in an upstream file: the last value counts"
        for index in result.duplicates {
            write(.warning, equalKeys, ["index": "\(index.index)", "count": "\(index.count)"])
        }
        let notTaken = "an upstream file of another worker is not imported"
        for other in result.others {
            write(.warning, notTaken, ["index": "\(other.index)", "of": "\(other.owner.rawValue)"])
        }
        let ambiguous = "an upstream stream's name has more than one colon: the first separates stream and group"
        for index in result.ambiguous { write(.warning, ambiguous, ["index": "\(index)"]) }
    }

    private func noteIgnored(_ volume: UpstreamVolume) {
        let names = volume.leftovers + volume.unknown.map(\.name).filter { !Store.fileNames.contains($0) }
        guard !names.isEmpty else { return }
        let named = names.prefix(UpstreamImportResult.maximumNamed).joined(separator: ", ")
        write(.info, "ignored beside the upstream files", ["count": "\(names.count)", "names": "\(named)"])
    }

    private func write(_ level: Logger.Level, _ message: String, _ facts: Logger.Metadata) {
        logger.log(
            level: level,
            "\(message)",
            metadata: facts.merging(["store.path": "\(path)", "worker": "\(worker)"]) { $1 }
        )
    }
}

extension AdoptionRecord {
    fileprivate var logMetadata: Logger.Metadata {
        ["files": "\(files)", "groups": "\(groups)", "entries": "\(entries)"]
    }
}
