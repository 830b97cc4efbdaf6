/// One file: what is durable, and what changed since.
final class FileNode {
    /// Device sectors are written whole or not at all.
    static let sectorBytes: UInt64 = 512

    private(set) var durable: FileContent
    private(set) var pending: [PendingChange] = []
    /// As the process sees it.
    private(set) var liveSize: UInt64

    init(_ content: FileContent = FileContent()) {
        durable = content
        liveSize = content.size
    }

    func begin(_ kind: PendingChange.Kind, entry: Int) {
        switch kind {
        case .write(let written): liveSize = max(liveSize, written.end)
        case .truncate(let size): liveSize = size
        case .grow(let size): liveSize = max(liveSize, size)
        }
        pending.append(PendingChange(entry: entry, completed: .max, kind: kind))
    }

    /// The call returned, but is not durable.
    func complete(entry: Int, at index: Int) {
        guard let change = pending.lastIndex(where: { $0.entry == entry }) else { return }
        pending[change].completed = index
    }

    /// The process is gone: what was under way is over.
    func completeAll(at index: Int) {
        for change in pending.indices where pending[change].completed == .max { pending[change].completed = index }
    }

    /// A sync that began at entry `begin` has returned.
    func sync(begunAt begin: Int, journal: Journal) {
        for change in pending where change.completed < begin { Self.apply(change.kind, to: &durable, journal) }
        pending.removeAll { $0.completed < begin }
    }

    /// A write that is durable when it returns has returned with `count` bytes written.
    ///
    /// Older unsynced changes of the same bytes are over with that: they can't come back. A length that an older
    /// truncation set is durable as well, since the file system can't find the bytes without it.
    func durableWriteReturned(entry: Int, count: UInt64, journal: Journal) {
        guard let index = pending.lastIndex(where: { $0.entry == entry }), case .write(let all) = pending[index].kind
        else { return }
        pending.remove(at: index)
        let end = all.offset + min(count, all.count)
        guard let written = all.part(from: all.offset, upTo: end) else { return }
        settleTruncations(before: index, journal)
        pending = pending.flatMap { change -> [PendingChange] in
            guard change.entry < entry, case .write(let older) = change.kind else { return [change] }
            return older.parts(outside: written.offset, upTo: written.end).map {
                PendingChange(entry: change.entry, completed: change.completed, kind: .write($0))
            }
        }
        Self.apply(.write(written), to: &durable, journal)
    }

    private func settleTruncations(before index: Int, _ journal: Journal) {
        guard let last = pending[..<index].lastIndex(where: { if case .truncate = $0.kind { true } else { false } })
        else { return }
        for position in pending[...last].indices {
            switch pending[position].kind {
            case .write: continue
            case .truncate(let size):
                // What an older write put beyond the new end is gone; bytes below it are still on their way.
                clipWrites(before: position, to: size)
                durable.truncate(to: size)
            case .grow(let size): durable.grow(to: size)
            }
        }
        let kept = pending[...last].filter { if case .write(let part) = $0.kind { part.count > 0 } else { false } }
        pending.replaceSubrange(...last, with: kept)
    }

    private func clipWrites(before position: Int, to size: UInt64) {
        for index in pending[..<position].indices {
            guard case .write(let written) = pending[index].kind else { continue }
            let part = written.part(from: 0, upTo: size) ?? WrittenBytes(offset: size, count: 0, source: nil)
            pending[index].kind = .write(part)
        }
    }

    static func apply(_ kind: PendingChange.Kind, to content: inout FileContent, _ journal: Journal) {
        switch kind {
        case .truncate(let size): content.truncate(to: size)
        case .grow(let size): content.grow(to: size)
        case .write(let written):
            guard let source = written.source else {
                return content.writeZeros(at: written.offset, count: written.count)
            }
            content.write(journal.bytes(source..<source + Int(written.count)), at: written.offset)
        }
    }
}

// What is found after the power came back.
extension FileNode {
    func content(after loss: Loss, _ generator: inout SeededGenerator, _ journal: Journal) -> FileContent {
        var content = durable
        switch loss {
        case .dropAll: break
        case .keepAll:
            for change in pending { Self.apply(change.kind, to: &content, journal) }
        case .random:
            for change in pending { settle(change.kind, &content, &generator, journal) }
        }
        return content
    }

    private func settle(
        _ kind: PendingChange.Kind,
        _ content: inout FileContent,
        _ generator: inout SeededGenerator,
        _ journal: Journal
    ) {
        guard case .write(let written) = kind else {
            if Bool.random(using: &generator) { Self.apply(kind, to: &content, journal) }
            return
        }
        switch Int.random(in: 0..<7, using: &generator) {
        case 0, 1: Self.apply(kind, to: &content, journal)
        case 2, 3: break
        case 4: content.grow(to: written.end)
        default: tear(written, &content, &generator, journal)
        }
    }

    /// Each sector by itself is new or old; beyond the durable end there is no old: zeros or garbage.
    private func tear(
        _ written: WrittenBytes,
        _ content: inout FileContent,
        _ generator: inout SeededGenerator,
        _ journal: Journal
    ) {
        var start = written.offset
        while start < written.end {
            let end = min((start / Self.sectorBytes + 1) * Self.sectorBytes, written.end)
            defer { start = end }
            let fate = Int.random(in: 0..<4, using: &generator)
            if fate < 2, let sector = written.part(from: start, upTo: end) {
                Self.apply(.write(sector), to: &content, journal)
            } else if fate == 2, start >= durable.size {
                let garbage = (start..<end).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
                garbage.withUnsafeBytes { content.write($0, at: start) }
            }
        }
        if Bool.random(using: &generator) { content.grow(to: written.end) }
    }
}
