// The tests' own small harness: named tests, checks that go on after a failure, one summary line.
#pragma once

#include <functional>
#include <iostream>
#include <string>
#include <vector>

namespace streamgate::test {

struct Test {
  std::string name;
  std::function<void()> body;
};

inline std::vector<Test>& Tests() {
  static std::vector<Test> tests;
  return tests;
}
inline int& Failures() {
  static int failures = 0;
  return failures;
}

struct Registration {
  Registration(const char* name, std::function<void()> body) { Tests().push_back({name, std::move(body)}); }
};

inline void Fail(const char* file, int line, const std::string& what) {
  ++Failures();
  std::cerr << "    " << file << ":" << line << ": " << what << "\n";
}

template <typename A, typename B>
void CheckEqual(const char* file, int line, const char* text, const A& actual, const B& expected) {
  if (actual == expected) return;
  ++Failures();
  std::cerr << "    " << file << ":" << line << ": " << text << ": got " << actual << ", expected " << expected << "\n";
}

}  // namespace streamgate::test

#define TEST_NAME_2(line) test_at_line_##line
#define TEST_NAME(line) TEST_NAME_2(line)
// TEST("behaviour, as a sentence", { body });
#define TEST(name, ...) static const streamgate::test::Registration TEST_NAME(__LINE__)(name, []() __VA_ARGS__)

#define CHECK(condition)                                                                 \
  do {                                                                                   \
    if (!(condition)) streamgate::test::Fail(__FILE__, __LINE__, "not so: " #condition); \
  } while (false)
#define CHECK_EQUAL(actual, expected) streamgate::test::CheckEqual(__FILE__, __LINE__, #actual, actual, expected)
