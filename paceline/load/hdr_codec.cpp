// The V2 encoding: forty bytes of header, big-endian, then the counts as ZigZag LEB128, a run of
// zeros as its negative length. The deflated form has eight bytes in front of a zlib stream.
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "paceline/load/hdr_histogram.h"

namespace paceline {
namespace {

constexpr std::uint32_t kCookie = 0x1c849303 | 0x10;          // V2, words of 1 to 9 bytes
constexpr std::uint32_t kDeflatedCookie = 0x1c849304 | 0x10;  // V2, deflated
constexpr std::size_t kHeaderSize = 40;
// 24 h in ns with five digits is the widest that tools use: 7.4 MiB of counts at 9 bytes.
constexpr std::size_t kPlainMax = std::size_t{16} << 20;
constexpr std::uint64_t kRatioOne = 0x3ff0000000000000;  // the double 1.0

template <class Word>
void append_big_endian(std::string& out, Word word) {
  for (std::size_t i = sizeof word; i-- > 0;) out += static_cast<char>(word >> (8 * i));
}

void append_zigzag(std::string& out, std::int64_t value) {
  auto word = static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63);
  for (int i = 0; i < 8 && word >= 0x80; ++i, word >>= 7) {
    out += static_cast<char>((word & 0x7f) | 0x80);
  }
  out += static_cast<char>(word);  // the ninth byte has all of its eight bits
}

/// Bytes from the front; running out makes it bad.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  std::uint64_t big_endian(std::size_t size) {
    std::uint64_t word = 0;
    for (; size > 0; --size) word = word << 8 | next();
    return word;
  }
  std::int64_t zigzag() {
    std::uint64_t word = 0;
    unsigned byte = 0x80;
    for (unsigned shift = 0; shift <= 56 && (byte & 0x80) != 0; shift += 7) {
      byte = next();
      word |= std::uint64_t{shift == 56 ? byte : byte & 0x7f} << shift;
    }
    return static_cast<std::int64_t>(word >> 1) ^ -static_cast<std::int64_t>(word & 1);
  }
  bool empty() const { return bytes_.empty(); }
  bool good() const { return good_; }

 private:
  unsigned next() {
    if (bytes_.empty()) {
      good_ = false;
      return 0;
    }
    const auto byte = static_cast<unsigned char>(bytes_.front());
    bytes_.remove_prefix(1);
    return byte;
  }
  std::string_view bytes_;
  bool good_ = true;
};

std::optional<std::string> from_base64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string out;
  unsigned bits = 0;
  std::uint32_t word = 0;
  for (const char c : text) {
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const std::size_t digit = alphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    word = (word << 6 | static_cast<std::uint32_t>(digit)) & 0xffffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out += static_cast<char>(word >> bits);
  }
  return out;
}

std::optional<std::string> inflate_all(std::string_view bytes) {
  z_stream stream{};
  if (::inflateInit(&stream) != Z_OK) return std::nullopt;
  std::string out;
  std::array<char, 16384> piece{};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib's signature
  stream.avail_in = static_cast<uInt>(bytes.size());
  int state = Z_OK;
  while (state == Z_OK && out.size() <= kPlainMax) {
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = piece.size();
    state = ::inflate(&stream, Z_NO_FLUSH);
    out.append(piece.data(), piece.size() - stream.avail_out);
  }
  ::inflateEnd(&stream);
  if (state != Z_STREAM_END || out.size() > kPlainMax) return std::nullopt;
  return out;
}

/// How another histogram's slots lie: its own lowest value and precision.
struct Shape {
  int unit_bits;      // of its lowest value
  int half_bits;      // of half its steps
  std::size_t slots;  // bounds the counts

  std::uint64_t value_of(std::size_t slot) const {
    const auto bucket = static_cast<int>(slot >> half_bits) - 1;
    const std::uint64_t half = std::uint64_t{1} << half_bits;
    if (bucket < 0) return slot << unit_bits;
    return ((slot & (half - 1)) + half) << (bucket + unit_bits);
  }
};

std::optional<Shape> shape_of(std::uint64_t digits, std::uint64_t low, std::uint64_t high) {
  if (digits < 1 || digits > 5 || low < 1 || low > high / 2 || high > INT64_MAX) return {};
  std::uint64_t steps = 2;
  for (std::uint64_t i = 0; i < digits; ++i) steps *= 10;
  const int unit_bits = static_cast<int>(std::bit_width(low)) - 1;
  const int half_bits = static_cast<int>(std::bit_width(steps - 1)) - 1;
  if (unit_bits + half_bits > 61) return {};
  std::size_t count = 1;
  for (auto end = std::uint64_t{2} << (half_bits + unit_bits); end <= high && end < INT64_MAX;
       end <<= 1) {
    ++count;
  }
  return Shape{unit_bits, half_bits, (count + 1) << half_bits};
}

std::unexpected<Error> broken(const char* what) {
  return fail(Code::corrupt, std::string("not a histogram in V2 encoding: ") + what);
}

Result<HdrHistogram> decode_plain(std::string_view bytes) {
  Reader reader(bytes);
  if (reader.big_endian(4) != kCookie) return broken("cookie");
  const std::uint64_t size = reader.big_endian(4);
  if (size > bytes.size() || bytes.size() - size < kHeaderSize) return broken("length");
  if (reader.big_endian(4) != 0) return broken("a normalizing offset");
  const std::uint64_t digits = reader.big_endian(4);
  const std::uint64_t low = reader.big_endian(8);
  const std::uint64_t high = reader.big_endian(8);
  const std::optional<Shape> shape = shape_of(digits, low, high);
  if (!shape) return broken("range or digits");
  reader = Reader(bytes.substr(kHeaderSize, size));
  HdrHistogram histogram;
  std::size_t slot = 0;
  while (!reader.empty()) {
    const std::int64_t word = reader.zigzag();
    if (!reader.good()) return broken("counts end in the middle");
    if (word < 0) {
      const std::uint64_t zeros = 0 - static_cast<std::uint64_t>(word);
      if (zeros > shape->slots - slot) return broken("more counts than its range has");
      slot += zeros;
      continue;
    }
    if (slot >= shape->slots) return broken("more counts than its range has");
    const std::uint64_t value = shape->value_of(slot++);
    if (word > 0) histogram.record(value, static_cast<std::uint64_t>(word));
  }
  return histogram;
}

}  // namespace

std::string encode_hdr_plain(const HdrHistogram& histogram) {
  std::string counts;
  const std::size_t end = HdrHistogram::slot_of(std::min(histogram.max(), HdrHistogram::highest));
  for (std::size_t slot = 0; slot <= end; ++slot) {
    std::int64_t zeros = 0;
    while (slot + static_cast<std::size_t>(zeros) <= end &&
           histogram.in_slot(slot + static_cast<std::size_t>(zeros)) == 0) {
      ++zeros;
    }
    if (zeros > 1) {
      append_zigzag(counts, -zeros);
      slot += static_cast<std::size_t>(zeros) - 1;
    } else {
      append_zigzag(counts, static_cast<std::int64_t>(histogram.in_slot(slot)));
    }
  }
  std::string out;
  append_big_endian(out, kCookie);
  append_big_endian(out, static_cast<std::uint32_t>(counts.size()));
  append_big_endian(out, std::uint32_t{0});  // normalizing offset: never shifted
  append_big_endian(out, static_cast<std::uint32_t>(HdrHistogram::digits));
  append_big_endian(out, HdrHistogram::lowest);
  append_big_endian(out, HdrHistogram::highest);
  append_big_endian(out, kRatioOne);  // values are what they are
  return out + counts;
}

std::string encode_hdr(const HdrHistogram& histogram) {
  const std::string plain = encode_hdr_plain(histogram);
  uLongf size = ::compressBound(plain.size());
  std::string deflated(size, '\0');
  const int state = ::compress(reinterpret_cast<Bytef*>(deflated.data()), &size,
                               reinterpret_cast<const Bytef*>(plain.data()), plain.size());
  check(state == Z_OK, "zlib compresses into its own bound");
  deflated.resize(size);
  std::string out;
  append_big_endian(out, kDeflatedCookie);
  append_big_endian(out, static_cast<std::uint32_t>(size));
  return base64(out + deflated);
}

Result<HdrHistogram> decode_hdr(std::string_view text) {
  const std::optional<std::string> bytes = from_base64(text);
  if (!bytes) return broken("no base64");
  Reader reader(*bytes);
  if (reader.big_endian(4) != kDeflatedCookie) return decode_plain(*bytes);
  const std::uint64_t size = reader.big_endian(4);
  if (!reader.good() || size > bytes->size() - 8) return broken("length");
  const std::optional<std::string> plain = inflate_all(std::string_view(*bytes).substr(8, size));
  if (!plain) return broken("zlib");
  return decode_plain(*plain);
}

}  // namespace paceline
