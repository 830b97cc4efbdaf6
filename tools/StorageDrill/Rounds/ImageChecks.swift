/// Makes the images of a journal, one after the other, and checks each.
struct ImageChecks {
    static let lossesPerPosition = 3
    /// Images of failures that are kept.
    static let maximumKept = 5
    static let walks = 16

    private let journal: Journal
    private let options: PowerCutRounds.Options
    private let scratch: String
    private var image: PowerCutImage
    /// Recovery with and without direct I/O.
    private let checks: [IsolatedCheck]
    private var made = 0
    private var kept = 0

    init(journal: Journal, _ options: PowerCutRounds.Options, scratch: String) throws(DrillError) {
        self.journal = journal
        self.options = options
        self.scratch = scratch
        image = try PowerCutImage(journal: journal)
        checks = [true, false].map { isDirect in
            var shape = StoreShape()
            shape.usesDirectIO = isDirect
            if options.isEncrypted { shape.key = options.key(of: options.processes - 1) }
            return IsolatedCheck(childArguments: options.childArguments, seed: options.seed, shape: shape)
        }
    }

    mutating func run(_ result: inout RoundsResult, _ report: (String) -> Void) throws(DrillError) {
        if let seconds = options.everyImageSeconds { return try runAll(seconds, &result, report) }
        var picker = PositionPicker(journal, seed: options.seed)
        let positions = picker.pick((options.images + Self.lossesPerPosition - 1) / Self.lossesPerPosition)
        for position in positions {
            try image.advance(to: position)
            for loss in losses(position) where made < options.images { try check(loss, &result, report) }
        }
        try image.advance(to: journal.entries.count)
        result.acknowledged = image.acknowledged
        report("\(made) images checked")
    }

    /// In several walks through the journal, each over other positions: when the time is over, all parts were looked at.
    private mutating func runAll(_ seconds: UInt64, _ result: inout RoundsResult, _ report: (String) -> Void)
        throws(DrillError)
    {
        let start = monotonicNanoseconds()
        let all = journal.entries.count + 1
        walks: for walk in 0..<Self.walks {
            image = try PowerCutImage(journal: journal)
            for position in stride(from: walk, to: all, by: Self.walks) {
                guard monotonicNanoseconds() - start < seconds * 1_000_000_000 else { break walks }
                try image.advance(to: position)
                for loss in losses(position) { try check(loss, &result, report) }
            }
        }
        result.acknowledged = image.acknowledged
        let taken = (monotonicNanoseconds() - start) / 1_000_000_000
        report("\(made) of \(all * Self.lossesPerPosition) images checked in \(taken) s; the bound is \(seconds) s")
    }

    private mutating func check(_ loss: Loss, _ result: inout RoundsResult, _ report: (String) -> Void)
        throws(DrillError)
    {
        made += 1
        let path = scratch + "/image-\(made)"
        try DrillFiles.removeTree(path)
        try image.build(loss, into: path)
        let verdict = try checks[made % 2].check(path: path, acknowledged: image.acknowledged)
        try DrillFiles.removeTree(path)
        let what = "image \(made): power cut at entry \(image.position) (\(entry)), \(loss)"
        result.add(verdict, what)
        guard !verdict.isSound else { return }
        report("\(what): acknowledged \(image.acknowledged), found \(verdict)")
        try keep(loss, report)
    }

    /// The same image again, as it was before the check changed it.
    private mutating func keep(_ loss: Loss, _ report: (String) -> Void) throws(DrillError) {
        guard kept < Self.maximumKept else { return }
        kept += 1
        let place = options.directory + "/failed-image-\(made)"
        try DrillFiles.removeTree(place)
        try image.build(loss, into: place)
        report("kept as it would be found: \(place)")
    }

    private var entry: String {
        image.position < journal.entries.count ? "\(journal.entries[image.position])" : "after the last"
    }

    private func losses(_ position: Int) -> [Loss] {
        var random = SeededGenerator(seed: options.seed, UInt64(position))
        let third = Loss.random(seed: random.next(), names: .anySubset)
        return [.dropAll, .random(seed: random.next(), names: .prefix), position % 4 == 0 ? .keepAll : third]
    }
}
