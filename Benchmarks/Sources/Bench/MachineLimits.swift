import CBench
import Glibc

/// What the machine itself can do, measured beside the figures that depend on it.
enum MachineLimits {
    private static let blockBytes = 4096
    private static let fileBytes = 16 * 1024 * 1024

    /// F of storage.md §7: synced writes of 4 KiB per second into a file written with zeros before, one at a time.
    static func syncsPerSecond(directory: String, nanoseconds: Int) throws -> Double {
        let path = "\(directory)/sync-limit"
        var isDirect: Int32 = 0
        let file = cbench_open_synced(path, &isDirect)
        guard file >= 0 else { throw BenchError("can't create \(path): errno \(errno)") }
        defer {
            close(file)
            unlink(path)
        }
        let zeros = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: blockBytes)
        defer { zeros.deallocate() }
        zeros.initializeMemory(as: UInt8.self, repeating: 0)
        for offset in stride(from: 0, to: fileBytes, by: zeros.count) {
            guard pwrite(file, zeros.baseAddress, zeros.count, offset) == zeros.count else {
                throw BenchError("can't fill \(path): errno \(errno)")
            }
        }
        zeros.initializeMemory(as: UInt8.self, repeating: 0x5A)
        let start = monotonicNanoseconds()
        var count = 0
        while monotonicNanoseconds() - start < nanoseconds {
            guard pwrite(file, zeros.baseAddress, blockBytes, count * blockBytes % fileBytes) == blockBytes else {
                throw BenchError("can't write \(path): errno \(errno)")
            }
            count += 1
        }
        return Double(count) * 1e9 / Double(monotonicNanoseconds() - start)
    }

    /// p50 of a byte sent to another thread and back over TCP on 127.0.0.1, in microseconds.
    static func loopbackMicroseconds(roundTrips: Int) throws -> Double {
        let (listener, port) = try Loopback.listener()
        var thread = pthread_t()
        pthread_create(
            &thread,
            nil,
            { argument in
                let listener = Int32(Int(bitPattern: argument))
                let peer = accept(listener, nil, nil)
                var one: Int32 = 1
                setsockopt(peer, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
                var byte: UInt8 = 0
                while read(peer, &byte, 1) == 1, write(peer, &byte, 1) == 1 {}
                close(peer)
                return nil
            },
            UnsafeMutableRawPointer(bitPattern: Int(listener))
        )
        let client = try Loopback.connected(to: port)
        var samples: [Double] = []
        var byte: UInt8 = 0
        for _ in 0..<roundTrips {
            let start = monotonicNanoseconds()
            guard write(client, &byte, 1) == 1, read(client, &byte, 1) == 1 else { break }
            samples.append(Double(monotonicNanoseconds() - start) / 1000)
        }
        close(client)
        pthread_join(thread, nil)
        close(listener)
        return median(samples)
    }
}
