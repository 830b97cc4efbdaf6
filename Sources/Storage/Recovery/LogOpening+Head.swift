/// What `wal/HEAD` says of the log's newest segment (R11, R13).
extension LogOpening {
    /// nil: it says nothing. Stores of earlier versions have none, and restored ones; the first segment begun here writes it.
    mutating func readHead(_ store: StoreID) throws(StorageError) -> LogHead? {
        let found = try LogHeadFile(io: io, directory: directory).content()
        if found.isDamaged { warnings.append(LogHead.damaged(directory.head)) }
        guard let head = found.head else { return nil }
        guard head.store == store else {
            warnings.append("\(directory.head) is part of another store, ignored")
            return nil
        }
        return head
    }

    /// R11: a segment that was begun is not there.
    func requireHead(_ head: LogHead?, in numbers: [SegmentNumber]) throws(StorageError) {
        guard let head, let newest = numbers.last, head.segment > newest, !isPlaced, !isMutant(.noHead) else { return }
        throw .newestSegmentMissing(head, newest: newest, directory)
    }

    /// R13: the file of that number is another one.
    func requireHead(_ head: LogHead?, is header: SegmentHeader) throws(StorageError) {
        guard let head, header.number == head.segment, header.epoch != head.epoch, !isPlaced else { return }
        let spot = StorageError.Spot(path: directory.segment(header.number), segment: header.number, offset: 0)
        throw .foreign(at: spot, LogHead.otherFile)
    }

    /// An operator ends the log here and accepts the loss of what stood behind it.
    private var isPlaced: Bool {
        if case .place = limit { return true }
        return false
    }
}

extension StorageError {
    static func newestSegmentMissing(_ head: LogHead, newest: SegmentNumber, _ directory: LogDirectory) -> StorageError
    {
        .segmentMissing(
            head.segment,
            path: directory.segment(head.segment),
            "HEAD says that it was begun, " + (newest == .none ? "none is here" : "the last one here is \(newest)")
        )
    }
}
