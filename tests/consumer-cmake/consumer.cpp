/* SPDX-License-Identifier: BSD-3-Clause */
#include <array>
#include <cmath>
#include <gemmule/gemmule.h>
#include <iostream>
#include <string>

int main()
{
    const std::array<float, 4> x{0.0f, 1.0f, 2.0f, 3.0f};
    std::array<float, 4> y{};
    gml_softmax_problem problem = GML_SOFTMAX_PROBLEM_INIT;
    problem.rows = 1;
    problem.cols = static_cast<int64_t>(x.size());
    problem.x = x.data();
    problem.x_stride = problem.y_stride = problem.cols;
    problem.y = y.data();
    if (gml_softmax_f32(nullptr, &problem) != GML_OK)
        return 1;
    for (size_t i = 1; i < y.size(); i++)
        if (std::abs(y[i] / y[i - 1] - std::exp(1.0f)) > 1e-5f)
            return 2;

    problem.cols = -1;
    if (gml_softmax_f32(nullptr, &problem) != GML_ERR_ARGUMENT)
        return 3;
    std::string sentence(gml_last_error(nullptr, 0), '\0');
    gml_last_error(sentence.data(), sentence.size() + 1);
    std::cout << "gemmule " << gml_version() << ": " << sentence << '\n';
    return sentence != "gml_softmax_f32: cols is -1, must be at least 0";
}
