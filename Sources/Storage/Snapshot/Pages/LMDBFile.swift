import CPlatform
import Glibc

/// LMDB's file, read by plain `pread`: never mapped, so nothing in it can end the process.
///
/// Any thread, one at a time.
final class LMDBFile {
    let path: String
    private(set) var pageBytes: Int
    /// As of the opening.
    private(set) var fileBytes: UInt64
    /// What the kernel has of a page and no process has mapped is dropped before and after it is read.
    var readsDevice = false
    private let descriptor: Int32

    /// nil: there is no such file.
    init?(_ path: String) throws(StorageError) {
        self.path = path
        pageBytes = LogLimits.blockBytes
        fileBytes = 0
        let opened = iii_open_file(path, O_RDONLY, 0)
        guard opened >= 0 else {
            guard opened == -ENOENT else {
                throw .openFailed(SystemCallError(call: "open", number: -opened, path: path))
            }
            return nil
        }
        descriptor = opened
        var facts = stat()
        guard fstat(opened, &facts) == 0 else {
            throw .deviceFailed(SystemCallError(call: "fstat", number: errno, path: path))
        }
        fileBytes = UInt64(facts.st_size)
    }

    deinit {
        close(descriptor)
    }

    /// Both meta pages' bytes: from the file's begin to behind the second one.
    func metaBytes() throws(StorageError) -> Bytes {
        try bytes(at: 0, count: LMDBMeta.pageSizes.upperBound + LMDBMeta.encodedBytes)
    }

    /// The meta page that LMDB would take. The page size is known after this.
    func meta() throws(StorageError) -> LMDBMeta {
        let bytes = try metaBytes()
        switch bytes.withUnsafeBytes({ LMDBMetaPair.pick($0) }) {
        case .success(let meta):
            pageBytes = meta.pageBytes
            return meta
        case .failure(let flaw): throw flaw.refusal(path)
        }
    }

    /// The meta page of one transaction; nil: two more have replaced it. The page size is known after this.
    func meta(of transaction: UInt64) throws(StorageError) -> LMDBMeta? {
        let bytes = try metaBytes()
        guard let meta = bytes.withUnsafeBytes({ LMDBMetaPair.meta(of: transaction, in: $0) }) else { return nil }
        if let flaw = meta.flaw(page: meta.number) { throw LMDBFlaw(page: meta.number, flaw).refusal(path) }
        pageBytes = meta.pageBytes
        return meta
    }

    /// A branch or leaf page.
    func page(_ number: UInt64) throws(StorageError) -> LMDBPage {
        if readsDevice { forget(number) }
        let bytes = try whole(number)
        if readsDevice { forget(number) }
        do throws(LMDBFlaw) {
            return try LMDBPage(bytes, number: number)
        } catch {
            throw error.refusal(path)
        }
    }

    /// A page's bytes, whatever they are: for salvage.
    func pageAsItIs(_ number: UInt64) throws(StorageError) -> Bytes {
        try whole(number)
    }

    /// Pages are of this size from now on: for salvage, which takes the size from whichever meta page has it.
    func assume(pageBytes: Int) {
        self.pageBytes = pageBytes
    }

    /// How many pages a run of overflow pages has that holds so many bytes.
    func overflowPages(at number: UInt64, holding dataBytes: Int, lastPage: UInt64) throws(StorageError) -> UInt64 {
        let header = try bytes(at: try offset(number), count: LMDBPage.headerBytes)
        guard header.count == LMDBPage.headerBytes else { throw LMDBFlaw(page: number, "it is missing").refusal(path) }
        let (stated, flags, pages) = header.withUnsafeBytes { bytes in
            (
                bytes.loadLittle(UInt64.self, at: 0), bytes.loadLittle(UInt16.self, at: 10),
                UInt64(bytes.loadLittle(UInt32.self, at: 12))
            )
        }
        let least = UInt64((LMDBPage.headerBytes - 1 + dataBytes) / pageBytes + 1)
        guard stated == number, flags == LMDBPage.overflow, pages >= least, number >= 2, number <= lastPage,
            pages <= lastPage - number + 1
        else {
            throw LMDBFlaw(page: number, "no \(least) overflow pages: number \(stated), flags \(flags), \(pages) pages")
                .refusal(path)
        }
        return pages
    }

    /// Data on overflow pages, a part of it.
    func overflow(_ number: UInt64, at offset: Int = 0, count: Int) throws(StorageError) -> Bytes {
        let found = try bytes(at: try self.offset(number) + UInt64(LMDBPage.headerBytes + offset), count: count)
        guard found.count == count else { throw LMDBFlaw(page: number, "its data is missing").refusal(path) }
        return found
    }

    /// Tells the kernel not to keep what was read: a look through the whole file must not push out what clients use, and
    /// the next look is to come from the device.
    func forget(_ number: UInt64, pages: UInt64 = 1) {
        guard let offset = try? offset(number) else { return }
        posix_fadvise(descriptor, off_t(offset), off_t(pages) * off_t(pageBytes), POSIX_FADV_DONTNEED)
    }

    private func whole(_ number: UInt64) throws(StorageError) -> Bytes {
        let found = try bytes(at: try offset(number), count: pageBytes)
        guard found.count == pageBytes else { throw LMDBFlaw(page: number, "it is missing").refusal(path) }
        return found
    }

    private func offset(_ number: UInt64) throws(StorageError) -> UInt64 {
        guard number < LMDBMeta.maximumMapBytes / UInt64(pageBytes) else {
            throw LMDBFlaw(page: number, "there is no such page").refusal(path)
        }
        return number * UInt64(pageBytes)
    }

    /// Fewer at the file's end.
    private func bytes(at offset: UInt64, count: Int) throws(StorageError) -> Bytes {
        var failure: Int32 = 0
        let bytes = Bytes(unsafeUninitializedCapacity: count) { place, done in
            while done < count {
                let got = pread(
                    descriptor,
                    place.baseAddress.map { $0 + done },
                    count - done,
                    off_t(offset) + off_t(done)
                )
                if got < 0 {
                    if errno == EINTR { continue }
                    failure = errno
                    return
                }
                if got == 0 { return }
                done += got
            }
        }
        guard failure == 0 else { throw .deviceFailed(SystemCallError(call: "pread", number: failure, path: path)) }
        return bytes
    }
}
