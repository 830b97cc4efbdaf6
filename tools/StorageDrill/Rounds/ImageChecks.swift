/// Makes the images of a journal, one after the other, and checks each.
struct ImageChecks {
    static let lossesPerPosition = 3
    /// Images of failures that are kept.
    static let maximumKept = 5

    private let journal: Journal
    private let options: PowerCutRounds.Options
    private let scratch: String
    private let image: PowerCutImage
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
            return IsolatedCheck(childArguments: options.childArguments, seed: options.seed, shape: shape)
        }
    }

    mutating func run(_ result: inout RoundsResult, _ report: (String) -> Void) throws(DrillError) {
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
