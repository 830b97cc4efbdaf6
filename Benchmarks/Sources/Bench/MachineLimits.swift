import BenchKit
import Glibc

/// What the machine itself can do, measured beside the figures that depend on it.
enum MachineLimits {
    /// Synced writes of 4 KiB per second, one at a time.
    static func syncsPerSecond(directory: String, nanoseconds: Int) throws -> Double {
        let latencies = Histogram()
        let spent = try SyncLimit(.direct, directory: directory).run(nanoseconds: nanoseconds, latencies)
        return Double(latencies.count) * 1e9 / Double(spent)
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
