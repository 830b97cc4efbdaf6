import Engine
import Storage

/// The history's rows in a store: one for each event that is kept, and the floor up to which they may be gone. Without a
/// floor nothing is kept.
struct StreamHistoryRows {
    /// The store's floor, or a later one that it is about to have.
    private var floor: UInt64
    /// What the history had forgotten when rows were removed last.
    private var forgottenBytes = 0
    /// The store may have no floor: there was no room for events, or none to begin.
    private var mayLackFloor: Bool

    /// - Parameter floor: the store's, unless nothing is kept.
    init(floor: UInt64) {
        self.floor = floor
        mayLackFloor = false
    }

    /// Begins to keep events; on a full disk, as soon as there is room for one. Blocks for the disk.
    init(beginningAt floor: UInt64, _ store: Store) throws {
        self.floor = floor
        do {
            try store.commit { $0.putHistoryFloor(floor) }.wait()
            mayLackFloor = false
        } catch let error as StorageError where error.code == .lowSpace {
            mayLackFloor = true
        }
    }

    /// Before events are written: they are kept from here on, if none were.
    mutating func resume(_ transaction: inout Transaction) {
        guard mayLackFloor else { return }
        // Only a transaction that was committed is seen by the next one.
        guard transaction.get(StreamRows.facts, key: StreamRows.historyFloor) == nil else {
            mayLackFloor = false
            return
        }
        floor = transaction.nextLSN.rawValue - 1
        transaction.putHistoryFloor(floor)
    }

    /// Removes all rows, and the floor: what is behind a gap can't be told from all there was.
    mutating func giveUp(_ transaction: inout Transaction) {
        mayLackFloor = true
        transaction.forgetHistory()
    }

    /// Removes the rows of events that can't be asked for any more: many at once, as one record.
    ///
    /// All of them from the first on: what the floor passed while the history was loaded, or in a transaction that failed,
    /// still has its rows.
    mutating func trim(_ history: StreamHistory, _ transaction: inout Transaction) {
        guard history.floor > floor,
            history.floor - floor >= Self.trimDistance || history.forgottenBytes - forgottenBytes >= Self.trimBytes
        else { return }
        transaction.trim(StreamRows.events, from: [], upTo: Bytes(bigEndian: history.floor + 1))
        transaction.putHistoryFloor(history.floor)
        floor = history.floor
        forgottenBytes = history.forgottenBytes
    }

    /// In positions: about a third as many events.
    private static let trimDistance: UInt64 = 4096
    private static let trimBytes = 8 << 20
}

extension Transaction {
    mutating func putHistoryFloor(_ floor: UInt64) {
        put(StreamRows.facts, key: StreamRows.historyFloor, value: Bytes(bigEndian: floor))
    }

    mutating func forgetHistory() {
        _ = delete(StreamRows.facts, key: StreamRows.historyFloor)
        trim(StreamRows.events, from: [], upTo: Bytes(repeating: .max, count: 9))
    }
}
