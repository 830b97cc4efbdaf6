import Storage

/// Takes the state of an upstream volume into a store, and compares the result with the files.
///
/// One file at a time is in memory. The volume is only read.
public struct UpstreamImport {
    /// What one pass over a volume came to.
    public struct Result {
        public var totals = UpstreamTotals()
        /// Scopes and entries that were taken, in files that were sound.
        public var scopes = 0
        public var entries = 0
        /// Of streams: not taken.
        public var streams: [(index: String, entries: Int)] = []
        public var damaged: [UpstreamDamage] = []
        /// Entries that were salvaged from damaged files; part of `entries`.
        public var salvagedEntries = 0
        /// Names of indexes with equal keys, and how many.
        public var duplicates: [(index: String, count: Int)] = []
    }

    public let volume: UpstreamVolume
    /// Take what can be read of damaged files too.
    public let takesSalvage: Bool

    public init(volume: UpstreamVolume, takesSalvage: Bool) {
        self.volume = volume
        self.takesSalvage = takesSalvage
    }

    /// Writes into a store without state; on disk when it returns.
    ///
    /// - Parameter progress: gets the bytes of the files done.
    public func run(into store: Store, progress: (Int) -> Void = { _ in }) throws -> Result {
        var result = Result()
        var target = try StateImport(store: store)
        var done = 0
        result.totals = try volume.readEach { reading in
            note(reading, &result)
            if let index = taken(reading) {
                try target.add(scope: index.name, index.lazy.map { (key: $0.key, value: $0.value) })
                result.scopes += index.isEmpty ? 0 : 1
                result.entries += index.count
            }
            done += reading.fileBytes
            progress(done)
        }
        try target.finish()
        return result
    }

    /// Reads the volume again and compares every entry, in order, with the store's.
    ///
    /// - Throws: `.verificationFailed` at the first difference.
    public func verify(_ content: StateContent, progress: (Int) -> Void = { _ in }) throws {
        var expected = volume.files.makeIterator()
        var index: UpstreamIndex?
        var position = 0
        var done = 0
        func next() -> UpstreamIndex? {
            while let file = expected.next() {
                done += file.bytes
                progress(done)
                if let index = taken(volume.read(file)), !index.isEmpty { return index }
            }
            return nil
        }
        try content.entries { entry in
            if index == nil || position == index?.count {
                index = next()
                position = 0
            }
            guard let index, index.name == entry.scope else {
                throw difference("the store has the scope \(entry.scope.debugDescription) where the volume has none")
            }
            let file = index[position]
            guard file.key.utf8.elementsEqual(entry.key.utf8), file.value.elementsEqual(entry.value) else {
                throw difference(
                    "entry \(position) of \(index.name.debugDescription) is \(entry.key.debugDescription) in the store, \(file.key.debugDescription) in the file, or its value differs"
                )
            }
            position += 1
        }
        guard position == index?.count ?? 0, next() == nil else {
            throw difference("the store ends before the volume does")
        }
    }

    private func difference(_ text: String) -> UpstreamError {
        UpstreamError(.verificationFailed, "\(text). Keep both sides and report this", path: volume.path)
    }

    /// What of a file goes into the store; nil: nothing.
    private func taken(_ reading: UpstreamReading) -> UpstreamIndex? {
        let index: UpstreamIndex? =
            switch reading {
            case .sound(let index): index
            case .damaged(let damage): takesSalvage ? damage.salvage?.index : nil
            }
        guard let index, UpstreamStreamName(index: index.name) == nil else { return nil }
        return index
    }

    private func note(_ reading: UpstreamReading, _ result: inout Result) {
        switch reading {
        case .sound(let index):
            if UpstreamStreamName(index: index.name) != nil { result.streams.append((index.name, index.count)) }
            if index.duplicates.count > 0 { result.duplicates.append((index.name, index.duplicates.count)) }
        case .damaged(let damage):
            result.damaged.append(damage)
            if let index = taken(reading) { result.salvagedEntries += index.count }
        }
    }
}

extension UpstreamReading {
    fileprivate var fileBytes: Int {
        switch self {
        case .sound(let index): index.fileBytes
        case .damaged(let damage): damage.file.bytes
        }
    }
}
