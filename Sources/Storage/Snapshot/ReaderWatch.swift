/// Read transactions of other processes that keep old pages of the snapshot from being used again: a stopped
/// `iii-storage-inspect export | less` makes the file grow until the disk is full (storage.md §5.9). Pure.
struct ReaderWatch: Sendable {
    /// A transaction of another process that reads an older image.
    struct Reader: Hashable, Sendable {
        /// As its own pid namespace has it.
        var process: Int32
        /// The commit whose image it reads.
        var transaction: UInt64
    }

    /// Worth a warning at once.
    static let pinnedBytes = 64 * LogLimits.mebibyte
    /// Worth a warning with fewer bytes: tools let go of their image again and again.
    static let pinnedNanoseconds: UInt64 = 300_000_000_000

    enum Notice: Equatable, Sendable {
        case pins(Reader, bytes: Int, nanoseconds: UInt64)
        case gone(Reader)
    }

    private struct Sighting {
        var since: UInt64
        var wasTold = false
    }

    private var sightings: [Reader: Sighting] = [:]

    var isIdle: Bool { sightings.isEmpty }

    /// - Parameters:
    ///   - readers: of other processes, of images older than the newest.
    ///   - now: monotonic.
    ///   - pinned: bytes that the oldest image keeps; asked for only if there are readers.
    mutating func look(_ readers: Set<Reader>, now: UInt64, pinned: (Reader) -> Int) -> [Notice] {
        var notices: [Notice] = []
        for (reader, sighting) in sightings where !readers.contains(reader) {
            sightings[reader] = nil
            if sighting.wasTold { notices.append(.gone(reader)) }
        }
        for reader in readers.sorted(by: { ($0.transaction, $0.process) < ($1.transaction, $1.process) }) {
            var sighting = sightings[reader] ?? Sighting(since: now)
            defer { sightings[reader] = sighting }
            guard !sighting.wasTold else { continue }
            let bytes = pinned(reader)
            let waited = now &- sighting.since
            guard bytes >= Self.pinnedBytes || bytes > 0 && waited >= Self.pinnedNanoseconds else { continue }
            sighting.wasTold = true
            notices.append(.pins(reader, bytes: bytes, nanoseconds: waited))
        }
        return notices
    }
}

extension ReaderWatch.Notice {
    var text: String {
        switch self {
        case .pins(let reader, let bytes, let nanoseconds):
            let mebibytes = (bytes + LogLimits.mebibyte - 1) / LogLimits.mebibyte
            return
                "process \(reader.process) has been reading an old image of the snapshot (transaction \(reader.transaction)) for \(nanoseconds / 1_000_000_000) s at least: \(mebibytes) MiB can't be used again, and the file grows. End that process, or let it go on if it is stopped"
        case .gone(let reader):
            return "process \(reader.process) no longer reads an old image of the snapshot: its pages are used again"
        }
    }
}

extension LogStore {
    /// At the beginning of a checkpoint, which is what old pages are wanted for.
    func watchReaders() {
        let readers = snapshot.readersOfOldImages()
        guard !readers.isEmpty || !readerWatch.withLock({ $0.isIdle }) else { return }
        let now = options.clock.monotonicNanoseconds()
        let notices = readerWatch.withLock { watch in
            watch.look(readers, now: now) { snapshot.bytesKept(by: $0) }
        }
        for notice in notices { warn(notice.text) }
    }
}
