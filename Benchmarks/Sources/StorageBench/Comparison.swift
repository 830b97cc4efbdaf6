import BenchKit

/// One side of a figure: does its work for a slice of time, over and over.
struct Side {
    let name: String
    let run: (Slice) throws -> LoadResult
}

/// A short piece of a measurement.
struct Slice {
    let warmUpNanoseconds: Int
    let windowNanoseconds: Int
    /// Another one for each slice.
    let seed: UInt64
}

/// Several sides measured together, with the disk's own limits.
///
/// The disk's rate changes within seconds by more than what is to be told apart, so a repeat is cut into slices: the sides
/// take turns slice by slice, and a repeat's result is the sum of its slices.
struct Comparison {
    /// By side, one per repeat.
    private(set) var results: [String: [LoadResult]] = [:]

    fileprivate mutating func add(_ result: LoadResult, to name: String, _ round: Int) {
        if results[name, default: []].count == round {
            results[name, default: []].append(result)
        } else {
            results[name]?[round].add(result)
        }
    }

    subscript(name: String) -> [LoadResult] { results[name] ?? [] }

    func pairs(_ ours: String, _ peer: String, _ value: (LoadResult) -> Double = \.perSecond) -> Pairs {
        var pairs = Pairs()
        for (ours, peer) in zip(self[ours], self[peer]) { pairs.append(ours: value(ours), peer: value(peer)) }
        return pairs
    }

    func p99(_ name: String) -> String { formatted(median(self[name].map(\.p99Microseconds))) }

    /// The side that is F: the faster way to write and sync, by its median.
    var limit: String {
        let patterns = SyncLimit.Pattern.allCases.map(\.rawValue)
        return patterns.max { rate($0) < rate($1) } ?? ""
    }

    func rate(_ name: String) -> Double { median(self[name].map(\.perSecond)) }

    var limitText: String {
        "F = \(formatted(rate(limit))) /s (\(limit)), p50 \(formatted(median(self[limit].map(\.p50Microseconds)))) µs"
    }

    /// A row that holds the rate of one side against another's, with F and a multiple of it.
    func row(_ figure: String, _ ours: String, _ peer: String, _ threshold: Threshold) -> Row {
        let multiple = formatted(pairs(ours, limit).ratio)
        return .ratio(
            figure,
            pairs(ours, peer),
            unit: "/s",
            threshold: threshold,
            limit: "\(limitText); ours = \(multiple) F, p99 \(p99(ours)) µs"
                + (peer == limit ? "" : ", the peer's \(p99(peer)) µs"),
            machineLimit: rate(limit)
        )
    }
}

extension StorageBench {
    private static let sliceNanoseconds = 250_000_000
    private static let sliceWarmUpNanoseconds = 50_000_000

    /// Measures the sides and F.
    func compare(_ sides: [Side]) throws -> Comparison {
        let all = try SyncLimit.Pattern.allCases.map { try limitSide($0) } + sides
        let slices = max(1, windowNanoseconds / Self.sliceNanoseconds)
        let quiet = try QuietMachine(directory: options.directory, patienceSeconds: options.patienceSeconds)
        var comparison = Comparison()
        for round in 0..<options.repeats {
            for number in 0..<slices {
                let slice = Slice(
                    warmUpNanoseconds: Self.sliceWarmUpNanoseconds,
                    windowNanoseconds: windowNanoseconds / slices,
                    seed: UInt64(round * slices + number + 1) << 32
                )
                // Every other slice in reverse, so that no side always follows the same one.
                let turn = number % 2 == 0 ? all : all.reversed()
                for (side, result) in zip(turn, try quiet.measure { try turn.map { try $0.run(slice) } }) {
                    comparison.add(result, to: side.name, round)
                }
            }
        }
        if quiet.disturbed > 0 {
            log("\(quiet.disturbed) of \(options.repeats * slices) slices were disturbed by other processes")
        }
        return comparison
    }

    private func limitSide(_ pattern: SyncLimit.Pattern) throws -> Side {
        let limit = try SyncLimit(pattern, directory: options.directory)
        return Side(name: pattern.rawValue) { slice in
            let latencies = Histogram()
            let spent = try limit.run(nanoseconds: slice.windowNanoseconds, latencies)
            return LoadResult(operations: latencies.count, seconds: Double(spent) / 1e9, latencies: latencies)
        }
    }

    /// Our side: some groups of lanes.
    func ours(_ name: String, _ groups: [LaneGroup], drive: Drive = .callbacks) -> Side {
        Side(name: name) { slice in
            let loop = ClosedLoop(groups, drive: drive, seed: slice.seed)
            try loop.start()
            sleep(milliseconds: slice.warmUpNanoseconds / 1_000_000)
            let start = monotonicNanoseconds()
            loop.enter(phase: 0)
            sleep(milliseconds: slice.windowNanoseconds / 1_000_000)
            loop.enter(phase: LoopControl.warmUp)
            let seconds = Double(monotonicNanoseconds() - start) / 1e9
            try loop.stop()
            let latencies = loop.latencies()
            return LoadResult(operations: latencies.count, seconds: seconds, latencies: latencies)
        }
    }

    /// A peer's side: puts by so many threads, or gets.
    func peer(_ name: String, _ peer: Peer, threads: Int, reads: Peer.Reads = .none, keySpace: Int = keySpace) -> Side {
        Side(name: name) { slice in
            try peer.run(threads: threads, reads: reads, keySpace: keySpace, slice)
        }
    }

    /// A peer with the same rows as ours.
    func filledPeer(_ kind: Peer.Kind, _ folder: String, count: Int = keySpace) throws -> Peer {
        try Folder.make(folder)
        let peer = try Peer(kind, folder)
        try peer.fill(count: count, valueBytes: Self.valueBytes)
        return peer
    }

    /// A store of ours with the usual rows, closed at the end.
    func withFilledStore<Result>(_ folder: String, _ body: (StoreUnderTest) throws -> Result) throws -> Result {
        let store = try StoreUnderTest(folder)
        try store.fill(count: UInt64(Self.keySpace), valueBytes: Self.valueBytes)
        let result = try body(store)
        try store.close()
        return result
    }
}
